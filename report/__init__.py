"""Reports, figures and pictures of trained models and runs."""
