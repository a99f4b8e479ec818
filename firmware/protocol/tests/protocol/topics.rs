//! Topics and subscriptions.

use dunlin_protocol::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn topics_parse_back_to_themselves(fleet in "[a-z0-9-]{1,32}", device in "[a-z0-9-]{1,32}", kind in 0usize..15) {
        let topic = Topic {
            fleet: Name::new(&fleet).unwrap(),
            device: Name::new(&device).unwrap(),
            kind: Kind::ALL[kind],
        };
        let text = topic.text();
        prop_assert!(text.len() <= MAX_TOPIC);
        prop_assert_eq!(Topic::parse(&text), Ok(topic));
    }

    /// What parses is what would have been written: no second spelling of a topic exists.
    #[test]
    fn a_topic_has_one_spelling(text in "(dunlin/1/|dunlin/|)[a-z/+#-]{0,20}(/up/|/down/|/)(will|birth|release|x)?") {
        if let Ok(topic) = Topic::parse(&text) {
            prop_assert_eq!(topic.text(), Text::cut(&text));
        }
    }
}

#[test]
fn foreign_topics_are_refused() {
    let good = "dunlin/1/plant/press-4/up/birth";
    assert!(Topic::parse(good).is_ok());
    for (topic, error) in [
        ("dunlin/2/plant/press-4/up/birth", TopicError::Prefix),
        ("/dunlin/1/plant/press-4/up/birth", TopicError::Prefix),
        ("dunlin/1/plant/press-4/up", TopicError::Parts),
        ("dunlin/1/plant/press-4/up/birth/", TopicError::Parts),
        ("dunlin/1/plant/press-4/down/birth", TopicError::Kind),
        ("dunlin/1/plant/press-4/up/release", TopicError::Kind),
        ("dunlin/1/plant/press-4/sideways/birth", TopicError::Kind),
        ("dunlin/1/plant/press-4/up/Birth", TopicError::Kind),
        ("dunlin/1/plant//up/birth", TopicError::Device(NameError::Empty)),
        ("dunlin/1/plant/+/up/birth", TopicError::Device(NameError::Character('+'))),
        ("dunlin/1/#/press-4/up/birth", TopicError::Fleet(NameError::Character('#'))),
        ("dunlin/1/Plant/press-4/up/birth", TopicError::Fleet(NameError::Character('P'))),
        ("dunlin/1/plant/press\u{0}4/up/birth", TopicError::Device(NameError::Character('\0'))),
    ] {
        assert_eq!(Topic::parse(topic), Err(error), "{topic}");
    }
    assert_eq!(Name::new(&"x".repeat(33)), Err(NameError::TooLong(33)));
}

#[test]
fn the_longest_topic_fits_exactly() {
    let name = Name::new(&"x".repeat(32)).unwrap();
    let topic = Topic { fleet: name.clone(), device: name, kind: Kind::Configuration };
    assert_eq!(topic.text().len(), MAX_TOPIC);
    assert!(topic.text().ends_with("/down/configuration"));
}

#[test]
fn subscriptions_cover_one_direction() {
    let (fleet, device) = (Name::new("plant").unwrap(), Name::new("press-4").unwrap());
    assert_eq!(device_subscription(&fleet, &device).as_str(), "dunlin/1/plant/press-4/down/+");
    assert_eq!(fleet_subscription(&fleet).as_str(), "dunlin/1/plant/+/up/+");
}
