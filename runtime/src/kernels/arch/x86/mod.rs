//! The kernels of x86-64.
//!
//! Convolutions: the image is copied into scratch once, with its padding; tiles of output pixels and channels then
//! read it where it lies ([`tiles`]). Weights and the constants of channels are prepared as vectors when a session is
//! made ([`panels`], [`constants`]).

#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only sizes are asked for there"))]

pub(super) mod depthwise_layout;
pub(super) mod layout;

#[cfg(target_arch = "x86_64")]
pub(super) mod addition;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
mod constants;
#[cfg(target_arch = "x86_64")]
mod depthwise_avx2;
#[cfg(target_arch = "x86_64")]
mod depthwise_vnni;
#[cfg(target_arch = "x86_64")]
mod image;
#[cfg(target_arch = "x86_64")]
mod lines;
#[cfg(target_arch = "x86_64")]
mod panels;
#[cfg(target_arch = "x86_64")]
mod prepared;
#[cfg(target_arch = "x86_64")]
mod product_avx2;
#[cfg(target_arch = "x86_64")]
mod product_vnni;
#[cfg(target_arch = "x86_64")]
mod requantize_avx2;
#[cfg(target_arch = "x86_64")]
mod requantize_avx512;
#[cfg(target_arch = "x86_64")]
mod scale_avx512;
#[cfg(target_arch = "x86_64")]
mod sequences;
#[cfg(target_arch = "x86_64")]
mod tiles;
#[cfg(target_arch = "x86_64")]
pub(super) mod vnni;
