"""What a person sees: progress lines and tables. The only part that knows rich; it reads run directories alone."""
