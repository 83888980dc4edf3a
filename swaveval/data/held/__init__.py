"""What a program holds: pixels of any mode and type, labels in any form, a data set's or a loader's positions."""
