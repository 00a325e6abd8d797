//! Only tests.
#![no_std]
