"""What folders and their names say of the images in them: classes, splits, parts, masks, or nothing."""
