//! The kernels of aarch64. Both families share everything but how two vectors are multiplied.
//!
//! A convolution lies on the image itself or on one copy of it with a border ([`layout`], [`image`]); nothing is gathered. Weights are
//! laid out in panels of 16 channels when a session is made ([`panel`]).

#![cfg_attr(not(target_arch = "aarch64"), allow(dead_code, reason = "only sizes are asked for there"))]

#[cfg(target_arch = "aarch64")]
pub(super) mod addition;
#[cfg(target_arch = "aarch64")]
mod all_taps;
#[cfg(target_arch = "aarch64")]
mod convolution;
#[cfg(target_arch = "aarch64")]
mod dense;
#[cfg(target_arch = "aarch64")]
mod depthwise;
#[cfg(target_arch = "aarch64")]
mod depthwise_dot;
#[cfg(target_arch = "aarch64")]
mod image;
pub(super) mod layout;
#[cfg(target_arch = "aarch64")]
mod multiply;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon_dot;
#[cfg(target_arch = "aarch64")]
mod neon_tile;
#[cfg(target_arch = "aarch64")]
mod nine_taps;
#[cfg(target_arch = "aarch64")]
mod panel;
#[cfg(target_arch = "aarch64")]
mod requantize;
#[cfg(target_arch = "aarch64")]
mod walk;
