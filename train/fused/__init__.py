"""Loss and gradient by hand-written passes on the CPU."""
