//! Sealed tokens that devices and mails carry, and what they open.

use crate::{
    model::{DeviceId, Notification, NotificationId, UserId},
    seals::Seals,
};

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A device got a push of this notification.
    Received {
        /// The notification.
        notification: NotificationId,
        /// The device.
        device: DeviceId,
    },
    /// A user wants no more mails of this type.
    Unsubscribe {
        /// The user.
        user: UserId,
        /// The type of notification.
        kind: String,
    },
}

/// The token that a push of `notification` to `device` carries.
pub fn receipt(seals: &Seals, notification: NotificationId, device: &DeviceId) -> String {
    seals.seal(&format!("r:{notification}:{device}"))
}

/// The token in the mail's "unsubscribe".
pub fn unsubscribe(seals: &Seals, notification: &Notification) -> String {
    seals.seal(&format!("u:{}:{}", notification.user_id, notification.kind))
}

/// What a token says, if it is ours.
pub fn open(seals: &Seals, token: &str) -> Option<Token> {
    let text = seals.open(token)?;
    let mut parts = text.splitn(3, ':');
    match (parts.next()?, parts.next()?, parts.next()?) {
        ("r", id, device) => Some(Token::Received {
            notification: id.parse().ok()?,
            device: DeviceId(device.to_owned()),
        }),
        ("u", user, kind) => {
            Some(Token::Unsubscribe { user: UserId(user.parse().ok()?), kind: kind.to_owned() })
        }
        _ => None,
    }
}
