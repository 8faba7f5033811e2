// SHA-256 and HMAC against published values: FIPS 180-4's examples, RFC 4231's cases.
#include <string>

#include <gtest/gtest.h>

extern "C" {
#include "../../plugins/handler_common/sha256.h"
}

namespace
{
std::string hex(const uint8_t *digest)
{
    char text[2 * HANDLER_SHA256_SIZE + 1];
    handler_sha256_hex(digest, text);
    return text;
}

std::string sha256(const std::string &text, size_t part)
{
    handler_sha256 hash;
    uint8_t digest[HANDLER_SHA256_SIZE];
    handler_sha256_begin(&hash);
    for (size_t at = 0; at < text.size(); at += part)
        handler_sha256_add(&hash, text.data() + at, std::min(part, text.size() - at));
    handler_sha256_end(&hash, digest);
    return hex(digest);
}

std::string hmac(const std::string &key, const std::string &text)
{
    handler_hmac mac;
    uint8_t digest[HANDLER_SHA256_SIZE];
    handler_hmac_begin(&mac, key.data(), key.size());
    handler_hmac_add(&mac, text.data(), text.size());
    handler_hmac_end(&mac, digest);
    return hex(digest);
}
} // namespace

TEST(Sha256, PublishedValues)
{
    EXPECT_EQ(sha256("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256("abc", 1), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 7),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    for (size_t part : {size_t(1), size_t(63), size_t(64), size_t(65), size_t(100000)})
        EXPECT_EQ(sha256(std::string(1000000, 'a'), part),
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// What the processor does itself, where it can, is what the plain way does.
TEST(Sha256, BothWaysAgree)
{
    std::string text;
    for (size_t size = 0; size < 300; size++) {
        handler_sha256 hash;
        uint8_t digest[HANDLER_SHA256_SIZE];
        handler_sha256_begin_slow(&hash);
        handler_sha256_add(&hash, text.data(), text.size());
        handler_sha256_end(&hash, digest);
        EXPECT_EQ(sha256(text, size / 3 + 1), hex(digest)) << size;
        text += static_cast<char>(size * 7);
    }
}

TEST(Hmac, PublishedValues)
{
    EXPECT_EQ(hmac("Jefe", "what do ya want for nothing?"),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hmac(std::string(20, '\x0b'), "Hi There"),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(
        hmac(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
