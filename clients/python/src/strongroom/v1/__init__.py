"""Generated from proto/strongroom/v1 while building."""
