//! Keys, signatures and provisioning.

use crate::dunlin::Folder;

/// A folder with the digit classifier as a blob, and two keys.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("digits.dnl", include_bytes!("../../../../models/pretrained/digits/digits.dnl"));
    for (key, roles) in [("content", "content"), ("release", "release,control")] {
        let outcome = folder.run(["keys", "new", key, "--role", roles]);
        assert_eq!(outcome.code, 0, "{}", outcome.errors);
    }
    folder
}

#[cfg(unix)]
fn set_mode(folder: &Folder, name: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
#[cfg(unix)]
fn a_readable_private_key_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("modes");
    let mode = std::fs::metadata(folder.path("content.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o620, 0o601] {
        set_mode(&folder, "content.key", mode);
        folder.refuse(&["sign", "digits.dnl", "--key", "content.key"], 1, &["content.key", "chmod 600"]);
        folder.refuse(&["keys", "show", "content.key"], 1, &["content.key", "others"]);
    }
    set_mode(&folder, "content.key", 0o400);
    assert_eq!(folder.run(["sign", "digits.dnl", "--key", "content.key"]).code, 0);
}

#[test]
fn keys_are_drawn_anew_and_never_overwritten() {
    let folder = folder("keys");
    let text = |name: &str| String::from_utf8(folder.read(name)).unwrap();
    assert!(text("content.key").starts_with("dunlin-private-key content "));
    assert!(text("release.pub").starts_with("dunlin-public-key release+control "));
    assert_ne!(text("content.key")[27..], text("release.key")[35..]);
    let before = text("content.key");
    folder.refuse(&["keys", "new", "content"], 1, &["content.pub", "never overwritten"]);
    std::fs::remove_file(folder.path("content.pub")).unwrap();
    folder.refuse(&["keys", "new", "content"], 1, &["content.key", "never overwritten"]);
    assert_eq!(text("content.key"), before);
    folder.refuse(&["keys", "new", "other", "--role", "content,driver"], 2, &["driver", "owner"]);
    let (private, public) =
        (folder.run(["keys", "show", "release.key"]), folder.run(["keys", "show", "release.pub"]));
    assert_eq!((private.code, &private.output), (0, &public.output));
    assert!(public.output.contains("release+control"));
    let secret = text("release.key");
    assert!(!private.output.contains(secret.split_whitespace().last().unwrap()));
}

#[test]
fn a_signature_holds_for_its_blob_and_key_alone() {
    let folder = folder("signatures");
    let unsigned = folder.read("digits.dnl");
    folder.refuse(&["verify", "digits.dnl", "--key", "content.pub"], 1, &["not signed", "dunlin sign"]);
    let outcome = folder.run(["sign", "digits.dnl", "--key", "content.key", "-o", "signed.dnl"]);
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    assert_eq!(folder.read("digits.dnl"), unsigned);
    let signed = folder.read("signed.dnl");
    assert_eq!((&signed[..192], &signed[256..]), (&unsigned[..192], &unsigned[256..]));
    let outcome = folder.run(["verify", "signed.dnl", "--key", "release.pub", "content.pub"]);
    assert_eq!(outcome.code, 1, "a key without the role content is a mistake: {}", outcome.output);
    let outcome = folder.run(["verify", "signed.dnl", "--key", "content.pub"]);
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    assert!(outcome.output.contains("matches the content") && outcome.output.contains("by key"));
    // It still runs, signed or not.
    assert_eq!(folder.run(["inspect", "signed.dnl"]).code, 0);

    folder.run(["keys", "new", "foreign", "--role", "content"]);
    folder.refuse(&["verify", "signed.dnl", "--key", "foreign.pub"], 1, &["not one of"]);
    let mut changed = signed.clone();
    changed[200] ^= 1;
    folder.write("changed.dnl", &changed);
    folder.refuse(&["verify", "changed.dnl", "--key", "content.pub"], 1, &["not one of"]);
    changed[300] ^= 1;
    folder.write("changed.dnl", &changed);
    folder.refuse(&["verify", "changed.dnl", "--key", "content.pub"], 1, &["digest"]);
    folder.refuse(&["sign", "changed.dnl", "--key", "content.key"], 1, &["digest"]);
    folder.refuse(&["sign", "digits.dnl", "--key", "release.key"], 1, &["release+control", "--role content"]);
    folder.refuse(&["sign", "digits.dnl", "--key", "content.pub"], 1, &["content.pub"]);
    assert_eq!(folder.run(["sign", "digits.dnl", "--key", "content.key"]).code, 0);
    assert_eq!(folder.read("digits.dnl"), signed, "Ed25519 signs the same bytes alike");
}

#[test]
fn devices_are_provisioned_one_or_many() {
    let folder = folder("provision");
    let one = |words: &[&'static str]| {
        let begin = ["device", "provision", "--fleet", "demo", "--broker", "mqtt://localhost"];
        [&begin[..], words].concat()
    };
    let trust = ["--trust", "content.pub", "release.pub"];
    let written =
        [&one(&["--device", "pump-1", "--groups", "lab", "west", "-o", "device.toml"]), &trust[..]].concat();
    let nonce = || {
        let outcome = folder.run(&written);
        assert_eq!(outcome.code, 0, "{}", outcome.errors);
        let provision = dunlin_provision::Provision::read(&folder.path("device.toml")).unwrap();
        assert_eq!((provision.device.as_str(), provision.groups.len()), ("pump-1", 2));
        assert_eq!(provision.trusted_keys.len(), 2);
        provision.nonce
    };
    assert_ne!(nonce(), nonce(), "each provisioning draws another nonce");

    for (words, names) in [
        (one(&["--device", "Pump 1"]), &["character P"][..]),
        (one(&["--device", "a/b"]), &["character /"]),
        (one(&["--device", "0123456789-0123456789-0123456789-x"]), &["34 bytes"]),
        (one(&["--device", "d", "--ca", "ca.pem"]), &["mqtts://"]),
        (one(&["--device", "d", "--certificate", "c.pem"]), &["--key"]),
        (one(&["--device", "d", "--groups", "a", "b", "c", "d", "e"]), &["5 groups"]),
        (one(&[]), &["--device"]),
    ] {
        folder.refuse(&[&words, &["-o", "x.toml"][..], &trust].concat(), 2, names);
    }
    folder.refuse(&one(&["--device", "d", "-o", "x.toml", "--trust", "content.key"]), 1, &["private key"]);

    folder.write("devices.csv", b"device,groups\npump-1,lab west\npump-2,\n");
    let list = |words: &[&'static str]| {
        [&one(&["--list", "devices.csv", "-o", "devices"]), words, &trust[..]].concat()
    };
    let outcome = folder.run(list(&["--username", "{device}", "--password-file", "{device}.password"]));
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    let second = dunlin_provision::Provision::read(&folder.path("devices/pump-2.toml")).unwrap();
    assert_eq!(second.broker.username.as_deref(), Some("pump-2"));
    assert_eq!(second.broker.password_file, Some(folder.path("devices/pump-2.password")));
    std::fs::remove_dir_all(folder.path("devices")).unwrap();
    for (text, names) in [
        (&b"device\npump-1\npump-1\n"[..], &["line 3", "twice"][..]),
        (b"device\nok\nNot ok\n", &["line 3", "`Not ok`"]),
        (b"device,room\na,b\n", &["`room`"]),
        (b"groups\na\n", &["`device`"]),
        (b"device\n", &["no device"]),
    ] {
        folder.write("devices.csv", text);
        folder.refuse(&list(&[]), 2, names);
    }
}
