"""Films from images: places and angles that change from frame to frame. NumPy alone."""
