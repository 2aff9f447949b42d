"""Operations of a run: by layer, step and core."""
