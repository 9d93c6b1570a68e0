"""K copies of one network trained side by side: their tensors are stacked, and a step of all is one computation."""
