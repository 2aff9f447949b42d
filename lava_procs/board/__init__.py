"""The Loihi 2 backend: find a board, select neuro-core models, run, measure."""
