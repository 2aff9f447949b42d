"""Streams: frames that arrive one by one, at batch 1, with the state kept between them."""
