//! The interface between emulator and plugin (`qemu-plugin.h` of QEMU 7.2, version 1), and what the plugin registers.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cortex_m4;
use crate::count::{Instruction, Kind, Spans};

/// A block of instructions that the emulator translates.
#[repr(C)]
struct Block {
    _private: [u8; 0],
}

/// An instruction of a block.
#[repr(C)]
struct BlockInstruction {
    _private: [u8; 0],
}

/// The first field of what the emulator says of itself; it is never made here.
#[repr(C)]
struct Info {
    /// `arm`, `aarch64` and so on.
    target_name: *const c_char,
}

/// What the emulator calls a plugin by.
type PluginId = u64;
/// Tells the emulator that a callback neither reads nor writes registers.
const NO_REGISTERS: c_int = 0;

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: PluginId, callback: extern "C" fn(PluginId, *mut Block));
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut BlockInstruction,
        callback: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_atexit_cb(
        id: PluginId,
        callback: extern "C" fn(PluginId, *mut c_void),
        data: *mut c_void,
    );
    fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut BlockInstruction;
    fn qemu_plugin_insn_data(instruction: *const BlockInstruction) -> *const c_void;
    fn qemu_plugin_insn_vaddr(instruction: *const BlockInstruction) -> u64;
}

/// The version of the interface, which the emulator looks for.
// SAFETY: no other symbol of the plugin has this name.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = 1;

/// What the plugin knows.
struct Plugin {
    is_cortex_m: bool,
    out: PathBuf,
    /// Every instruction that was translated, as often as it was. Callbacks know them by their index.
    translated: Vec<Instruction>,
    spans: Spans,
}

static PLUGIN: Mutex<Option<Plugin>> = Mutex::new(None);

fn plugin() -> MutexGuard<'static, Option<Plugin>> {
    PLUGIN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Is called by the emulator when it has loaded the plugin. Returns 0 if it can be used.
///
/// # Safety
/// `info` points to what the emulator says of itself, `words` to `count` strings.
// SAFETY: no other symbol of the plugin has this name.
#[unsafe(no_mangle)]
unsafe extern "C" fn qemu_plugin_install(
    id: PluginId,
    info: *const Info,
    count: c_int,
    words: *const *const c_char,
) -> c_int {
    // SAFETY: the emulator passes as many strings as it says, and all of them stay for the time of this call.
    let words = (0..count.max(0) as usize).map(|index| unsafe { CStr::from_ptr(*words.add(index)) });
    // SAFETY: as above; the name is the first field in every version.
    let target = unsafe { CStr::from_ptr((*info).target_name) };
    let (mut begin, mut end, mut out) = (None, None, None);
    for word in words.filter_map(|word| word.to_str().ok()) {
        match word.split_once('=') {
            Some(("begin", address)) => begin = u64::from_str_radix(address, 16).ok(),
            Some(("end", address)) => end = u64::from_str_radix(address, 16).ok(),
            Some(("out", path)) => out = Some(PathBuf::from(path)),
            _ => {}
        }
    }
    let (Some(begin), Some(end), Some(out)) = (begin, end, out) else {
        eprintln!("dunlin-emulator-plugin needs begin=ADDRESS,end=ADDRESS,out=FILE");
        return 1;
    };
    let is_cortex_m = target == c"arm";
    // The lowest bit of a symbol says that the function is Thumb code.
    let [begin, end] = [begin, end].map(|address| if is_cortex_m { address & !1 } else { address });
    let taken_cycles = if is_cortex_m { cortex_m4::TAKEN_BRANCH } else { 0 };
    let spans = Spans::new(begin, end, taken_cycles);
    *plugin() = Some(Plugin { is_cortex_m, out, translated: Vec::new(), spans });
    // SAFETY: `id` is the one that the emulator gave this plugin; the callbacks exist as long as the plugin is loaded.
    unsafe {
        qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
        qemu_plugin_register_atexit_cb(id, ended, std::ptr::null_mut());
    }
    0
}

/// Is called for every block that is translated.
extern "C" fn translated(_: PluginId, block: *mut Block) {
    let mut plugin = plugin();
    let Some(plugin) = plugin.as_mut() else { return };
    // SAFETY: the emulator passes a block that is valid during this call, and so are its instructions.
    for index in 0..unsafe { qemu_plugin_tb_n_insns(block) } {
        // SAFETY: as above; the index is less than their number.
        let instruction = unsafe { qemu_plugin_tb_get_insn(block, index) };
        let data = std::ptr::without_provenance_mut(plugin.translated.len());
        // SAFETY: as above.
        plugin.translated.push(unsafe { read(instruction, plugin.is_cortex_m) });
        // SAFETY: as above; the callback takes the data for an index and looks nothing up at it.
        unsafe { qemu_plugin_register_vcpu_insn_exec_cb(instruction, executed, NO_REGISTERS, data) };
    }
}

/// Decodes an instruction.
///
/// # Safety
/// The instruction is of the block that is being translated.
unsafe fn read(instruction: *const BlockInstruction, is_cortex_m: bool) -> Instruction {
    // SAFETY: what the caller promises.
    let address = unsafe { qemu_plugin_insn_vaddr(instruction) };
    if !is_cortex_m {
        return Instruction { address, bytes: 4, kind: Kind::Other, cycles: 0 };
    }
    // At the end of a page the emulator looks one halfword ahead and adds it to the data, so that its size does not tell the length.
    // SAFETY: as above; the data has the halfwords of the instruction, and the emulator runs on little-endian machines.
    unsafe {
        let halfwords = qemu_plugin_insn_data(instruction).cast::<u16>();
        let first = halfwords.read_unaligned();
        let second = cortex_m4::is_wide(first).then(|| halfwords.add(1).read_unaligned());
        cortex_m4::decode(address, first, second)
    }
}

/// Is called before every instruction that is executed.
extern "C" fn executed(_: c_uint, index: *mut c_void) {
    let mut plugin = plugin();
    let Some(plugin) = plugin.as_mut() else { return };
    if let Some(&instruction) = plugin.translated.get(index.addr()) {
        plugin.spans.execute(instruction);
    }
}

/// Is called when the emulator ends.
extern "C" fn ended(_: PluginId, _: *mut c_void) {
    let Some(plugin) = plugin().take() else { return };
    let mut text = String::new();
    for span in plugin.spans.finished() {
        // A string takes everything.
        let _ = writeln!(text, "{span}");
    }
    if let Err(error) = std::fs::write(&plugin.out, text) {
        eprintln!("dunlin-emulator-plugin: writing {}: {error}", plugin.out.display());
    }
}
