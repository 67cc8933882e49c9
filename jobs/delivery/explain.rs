//! Why a notification was or was not delivered, and when it is tried again, in words for people.

use bson::DateTime;

use super::decide::reason;
use crate::model::{Channel, Delivery, DeliveryState, Notification, NotificationStatus};

/// The languages that explanations are written in, French first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// French.
    #[default]
    French,
    /// English.
    English,
}

impl Language {
    /// The language of a locale such as `en-GB`; French for all others.
    pub fn of(locale: Option<&str>) -> Self {
        let language = locale.and_then(|locale| locale.split(['-', '_']).next());
        if language.is_some_and(|word| word.eq_ignore_ascii_case("en")) {
            Self::English
        } else {
            Self::French
        }
    }

    fn choose(self, french: &str, english: &str) -> String {
        match self {
            Self::French => french.to_owned(),
            Self::English => english.to_owned(),
        }
    }
}

/// One sentence about the whole, and one about each channel.
pub fn explain(
    of: &Notification,
    now: DateTime,
    language: Language,
) -> Vec<(Option<Channel>, String)> {
    let mut said = vec![(None, whole(of, now, language))];
    for (channel, delivery) in of.deliveries.iter().flat_map(|deliveries| deliveries.all()) {
        let sentence =
            format!("{} : {}", name(channel, language), one(delivery, of, now, language));
        let sentence = match language {
            Language::French => sentence,
            Language::English => sentence.replacen(" : ", ": ", 1),
        };
        said.push((Some(channel), sentence));
    }
    said
}

fn whole(of: &Notification, now: DateTime, language: Language) -> String {
    let say = |french, english| language.choose(french, english);
    match of.status {
        NotificationStatus::Pending if of.deliveries.is_none() => {
            say("La notification vient d'arriver.", "The notification has just come in.")
        }
        NotificationStatus::Pending if of.due_at(now) > now => {
            let at = time(of.due_at(now));
            say("L'envoi est prévu pour le ", "It is to be sent at ") + &at + "."
        }
        NotificationStatus::Pending => {
            say("Personne ne l'a encore reçue.", "Nobody has got it yet.")
        }
        NotificationStatus::Sent => say(
            "Elle est partie ; personne n'a encore confirmé son arrivée.",
            "It was sent; nobody has said yet that it arrived.",
        ),
        NotificationStatus::Delivered => say("Elle est arrivée.", "It has arrived."),
        NotificationStatus::Read => say("Elle a été lue.", "It was read."),
        NotificationStatus::Failed => {
            say("Aucun canal n'a pu joindre la personne.", "No channel could reach the person.")
        }
        NotificationStatus::Cancelled => {
            say("Elle a été annulée avant l'envoi.", "It was cancelled before it was sent.")
        }
        NotificationStatus::Expired => {
            say("Elle a expiré avant l'envoi.", "It expired before it was sent.")
        }
    }
}

fn one(of: &Delivery, notification: &Notification, now: DateTime, language: Language) -> String {
    let say = |french, english| language.choose(french, english);
    let at = time(of.next_attempt_at.unwrap_or_else(|| notification.due_at(now)));
    let sent = of.sent_at.map(time).unwrap_or_default();
    let why = of.last_error.as_ref().map(|error| format!("{} ({})", error.message, error.code));
    let why = why.unwrap_or_default();
    match of.state {
        DeliveryState::Queued => say("prévue pour le ", "due at ") + &at + ".",
        DeliveryState::Deferred => {
            format!("{}{}{at}.", because(of, language), say(" ; envoi le ", "; to be sent at "))
        }
        DeliveryState::Claimed => say(
            "regroupée avec d'autres notifications dans un même message.",
            "put together with other notifications in one message.",
        ),
        DeliveryState::Sending if of.last_error.is_some() => {
            say("issue inconnue, nouvel essai le ", "outcome unknown, looked at again at ")
                + &format!("{at} : {why}.")
        }
        DeliveryState::Sending => say("en cours d'envoi.", "being sent."),
        DeliveryState::Retry => {
            say("échec, nouvel essai le ", "failed, tried again at ") + &format!("{at} : {why}.")
        }
        DeliveryState::Sent => say("partie le ", "sent at ") + &sent + ".",
        DeliveryState::Delivered => {
            say("arrivée le ", "arrived at ") + &of.delivered_at.map(time).unwrap_or_default() + "."
        }
        DeliveryState::Read => {
            say("lue le ", "read at ") + &of.read_at.map(time).unwrap_or_default() + "."
        }
        DeliveryState::Failed => say("échec définitif : ", "failed for good: ") + &why + ".",
        DeliveryState::Skipped => {
            say("non envoyée : ", "not sent: ") + &because(of, language) + "."
        }
        DeliveryState::Cancelled => say("annulée.", "cancelled."),
        DeliveryState::Expired => say("expirée avant l'envoi.", "expired before it was sent."),
    }
}

/// The rule behind a delivery that waits or was not sent.
fn because(of: &Delivery, language: Language) -> String {
    let (french, english) = match of.skip_reason.as_deref().unwrap_or_default() {
        reason::READ => ("la personne l'a déjà lue", "the person has read it already"),
        reason::FALLBACK => (
            "gardée pour le cas où les autres canaux ne suffisent pas",
            "kept for the case that the other channels do not do",
        ),
        reason::NOT_NEEDED => ("un autre canal a suffi", "another channel has done"),
        reason::UNKNOWN_USER => (
            "la personne n'est pas connue (PUT /v1/users/{id})",
            "the person is not known (PUT /v1/users/{id})",
        ),
        reason::INACTIVE_USER => ("le compte n'est pas actif", "the account is not in use"),
        reason::PREFERENCES => (
            "la personne ne veut pas de ce type par ce canal",
            "the person does not want this type by this channel",
        ),
        reason::QUIET_HOURS => ("heures calmes de la personne", "the person's quiet hours"),
        reason::DIGEST => (
            "regroupée avec d'autres dans un même message",
            "put together with others in one message",
        ),
        reason::NO_ADDRESS => ("aucune adresse connue", "no address is known"),
        reason::NO_DEVICE => ("aucun appareil enregistré", "no device is registered"),
        reason::SUPPRESSED => (
            "l'adresse refuse les messages depuis un envoi précédent",
            "the address has refused an earlier message",
        ),
        reason::CHANNEL_OFF => ("ce canal n'est pas configuré", "this channel is not set up"),
        _ => ("mise en attente", "put off"),
    };
    language.choose(french, english)
}

fn name(channel: Channel, language: Language) -> String {
    let (french, english) = match channel {
        Channel::Push => ("Push", "Push"),
        Channel::Email => ("E-mail", "Email"),
        Channel::InApp => ("Dans l'application", "In the app"),
        Channel::Sms => ("SMS", "Text message"),
    };
    language.choose(french, english)
}

fn time(at: DateTime) -> String {
    at.try_to_rfc3339_string().unwrap_or_else(|_| at.timestamp_millis().to_string())
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::model::{Deliveries, NotificationData};

    /// A notification that was just written.
    pub fn notification() -> Notification {
        bson::deserialize_from_document(bson::doc! {
            "_id": bson::oid::ObjectId::new(), "userId": 42, "type": "reminder", "title": "t",
            "body": "b", "status": "pending", "channels": ["push", "email"],
            "scheduledFor": null, "sentAt": null, "deliveredAt": null, "readAt": null,
        })
        .unwrap()
    }

    #[test]
    fn every_state_and_every_reason_has_its_own_sentence_in_both_languages() {
        use DeliveryState::*;
        let states = [
            Queued, Deferred, Claimed, Sending, Retry, Sent, Delivered, Read, Failed, Skipped,
            Cancelled, Expired,
        ];
        let reasons = [
            reason::READ,
            reason::FALLBACK,
            reason::NOT_NEEDED,
            reason::UNKNOWN_USER,
            reason::INACTIVE_USER,
            reason::PREFERENCES,
            reason::QUIET_HOURS,
            reason::DIGEST,
            reason::NO_ADDRESS,
            reason::NO_DEVICE,
            reason::SUPPRESSED,
            reason::CHANNEL_OFF,
        ];
        let skipped = |reason: &str| Delivery {
            state: Skipped,
            skip_reason: Some(reason.to_owned()),
            ..Delivery::default()
        };
        let cases: Vec<Delivery> = states
            .map(|state| Delivery { state, ..Delivery::default() })
            .into_iter()
            .chain(reasons.map(skipped))
            .collect();
        let of = Notification { data: NotificationData::default(), ..notification() };
        let now = DateTime::from_millis(1_700_000_000_000);
        let mut said = Vec::new();
        for language in [Language::French, Language::English] {
            for case in &cases {
                let deliveries = Deliveries { push: Some(case.clone()), ..Deliveries::default() };
                let of = Notification { deliveries: Some(deliveries), ..of.clone() };
                let all = explain(&of, now, language);
                assert_eq!(all.len(), 2);
                said.push(all[1].1.clone());
            }
        }
        let count = said.len();
        said.sort();
        said.dedup();

        assert_eq!(said.len(), count, "{said:#?}");
    }

    #[test]
    fn french_is_spoken_unless_english_is_asked_for() {
        for (locale, language) in [
            (None, Language::French),
            (Some("fr-CA"), Language::French),
            (Some("de"), Language::French),
            (Some("en"), Language::English),
            (Some("EN_us"), Language::English),
        ] {
            assert_eq!(Language::of(locale), language, "{locale:?}");
        }
    }
}
