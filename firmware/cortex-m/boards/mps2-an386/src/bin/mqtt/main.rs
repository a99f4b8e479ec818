#![no_std]
#![no_main]
use dunlin_image as _;
use mps2_an386 as _;
#[cortex_m_rt::entry]
fn main() -> ! {
    loop {}
}
