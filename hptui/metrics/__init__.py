"""How well predictions fit labels: metrics, their intervals, resampling."""
