//! Tests of what only the growing map does: allocate.

mod alloc_failure;
mod memory;
