//! The networks: how they compute in the training framework, and how they look as ONNX.

mod digits;
mod house_price;
pub(crate) mod weights;

pub(crate) use digits::DigitsNetwork;
pub(crate) use house_price::{HousePriceNetwork, Moments};
