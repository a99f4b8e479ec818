//! The operators, one file each: `verify` checks what the kernel relies on, `execute` runs it.

pub(crate) mod addition;
pub(crate) mod arch;
pub(crate) mod average_pool2d;
mod bands;
mod broadcast;
pub(crate) mod concat;
pub(crate) mod conv2d;
mod conv2d_float32;
mod convolution;
pub(crate) mod copy;
pub(crate) mod depthwise_conv2d;
mod depthwise_conv2d_float32;
pub(crate) mod dequantize;
pub(crate) mod fully_connected;
mod fully_connected_float32;
pub(crate) mod lookup;
pub(crate) mod max_pool2d;
mod memory;
pub(crate) mod multiplication;
pub(crate) mod pad;
mod parts;
pub(crate) mod pool;
pub(crate) mod quantize;
pub(crate) mod reduction;
pub(crate) mod resize_nearest;
pub(crate) mod slice;
pub(crate) mod softmax;
mod strided;
pub(crate) mod transpose;
pub(crate) mod unary;
mod window;

pub(crate) use arch::PREPARES;
pub use arch::needs::Needs;
pub use bands::Overlap;
pub use dequantize::dequantize;
pub use quantize::quantize;

pub(crate) use memory::Memory;
