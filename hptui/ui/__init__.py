"""From numbers to the screen: the app, its screens, panels and widgets; all of it reads and asks, none of it trains."""
