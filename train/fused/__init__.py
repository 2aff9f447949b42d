"""Loss and gradient in hand-written passes on the CPU."""
