// SHA-256 and HMAC against published values: FIPS 180-4's examples, RFC 4231's cases.
#include <string>

#include <gtest/gtest.h>

extern "C" {
#include "../../plugins/handler_common/sha256.h"
}

namespace
{
std::string sha256(const std::string &text)
{
    char digits[HANDLER_SHA256_TEXT];
    return handler_sha256(text.data(), text.size(), digits) ? digits : "";
}

std::string hmac(const std::string &key, const std::string &text, size_t cut)
{
    uint8_t digest[HANDLER_SHA256_SIZE];
    char digits[HANDLER_SHA256_TEXT];
    const busbar_bytes parts[] = {{text.data(), cut}, {text.data() + cut, text.size() - cut}};
    if (!handler_hmac(key.data(), key.size(), parts, 2, digest))
        return "";
    handler_digest_text(digest, digits);
    return digits;
}
} // namespace

TEST(Sha256, PublishedValues)
{
    EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256(std::string(1000000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Hmac, PublishedValues)
{
    EXPECT_EQ(hmac("Jefe", "what do ya want for nothing?", 5),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hmac(std::string(20, '\x0b'), "Hi There", 0),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hmac(std::string(131, '\xaa'),
                   "Test Using Larger Than Block-Size Key - Hash Key First", 54),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
