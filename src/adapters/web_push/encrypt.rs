//! Letters that only the browser can open (RFC 8291, in one record of RFC 8188).

use p256::{PublicKey, SecretKey, elliptic_curve::sec1::ToEncodedPoint};
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hmac,
};

/// Services take bodies of this size (RFC 8030, 7.2).
const BODY_BYTES: usize = 4096;
/// A salt, the size of a record, and our public key with its length before it.
const HEAD_BYTES: usize = 16 + 4 + 1 + 65;
/// The mark behind the text, and the seal.
const TAIL_BYTES: usize = 1 + 16;
/// So much text fits.
pub(super) const TEXT_BYTES: usize = BODY_BYTES - HEAD_BYTES - TAIL_BYTES;

/// Behind the last text there is this byte (RFC 8188, 2).
const LAST: u8 = 2;

/// Whom a letter is for.
pub(super) struct Reader {
    pub(super) key: PublicKey,
    pub(super) secret: Vec<u8>,
}

/// Chance: a key of ours for one letter, and a salt.
pub(super) struct Chance {
    pub(super) key: SecretKey,
    pub(super) salt: [u8; 16],
}

/// The body for the push service; nothing if the text is too long.
pub(super) fn encrypt(text: &[u8], reader: &Reader, chance: &Chance) -> Option<Vec<u8>> {
    if text.len() > TEXT_BYTES {
        return None;
    }
    let theirs = reader.key.to_encoded_point(false);
    let ours = chance.key.public_key().to_encoded_point(false);
    let shared = reader.key.to_projective() * *chance.key.to_nonzero_scalar();
    let shared = shared.to_affine().to_encoded_point(false);

    let input = extract(&reader.secret, shared.x()?);
    let input = expand(&input, &[b"WebPush: info\0", theirs.as_bytes(), ours.as_bytes()]);
    let secret = extract(&chance.salt, &input);
    let key = expand(&secret, &[b"Content-Encoding: aes128gcm\0"]);
    let nonce = expand(&secret, &[b"Content-Encoding: nonce\0"]);

    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.get(..16)?).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(nonce.get(..12)?).ok()?;
    let mut record = [text, &[LAST]].concat();
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record).ok()?;

    let mut body = Vec::with_capacity(HEAD_BYTES + record.len());
    body.extend_from_slice(&chance.salt);
    body.extend_from_slice(&(BODY_BYTES as u32).to_be_bytes());
    body.push(65);
    body.extend_from_slice(ours.as_bytes());
    body.extend_from_slice(&record);
    Some(body)
}

/// HKDF-Extract (RFC 5869).
fn extract(salt: &[u8], input: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), input).as_ref().to_vec()
}

/// HKDF-Expand of one block, which is as long as all that is needed here.
fn expand(secret: &[u8], info: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    info.iter().for_each(|part| context.update(part));
    context.update(&[1]);
    context.sign().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use p256::{PublicKey, SecretKey};

    use super::{Chance, Reader, TEXT_BYTES, encrypt};

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    fn example() -> (Reader, Chance) {
        let theirs = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6\
                      SRpkNtoIAiw4";
        let reader = Reader {
            key: PublicKey::from_sec1_bytes(&bytes(theirs)).unwrap(),
            secret: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let ours = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let chance = Chance {
            key: SecretKey::from_slice(&ours).unwrap(),
            salt: bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap(),
        };
        (reader, chance)
    }

    #[test]
    fn the_example_of_rfc_8291_comes_out_byte_for_byte() {
        let (reader, chance) = example();

        let body = encrypt(b"When I grow up, I want to be a watermelon", &reader, &chance).unwrap();

        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDl\
                        l6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2\
                        Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
    }

    #[test]
    fn a_body_is_never_larger_than_services_take() {
        let (reader, chance) = example();

        let full = encrypt(&[b'x'; TEXT_BYTES], &reader, &chance).unwrap();

        assert_eq!(full.len(), 4096);
        assert!(encrypt(&[b'x'; TEXT_BYTES + 1], &reader, &chance).is_none());
    }
}
