"""Images that move: streams frame by frame, films from images, and their evaluation."""
