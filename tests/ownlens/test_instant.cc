/* The plugins' own reading of timestamps, against the core's. */
#include <gtest/gtest.h>

#include <string>

#include "instant.h"

extern "C" {
#include "contract/canonical.h"
}

namespace
{

busbar_bytes bytes(const std::string &text)
{
    return {text.data(), text.size()};
}

TEST(Instant, ReadsWhatTheCoreWrites)
{
    const int64_t first = -62135596800000000; /* 0001-01-01 */
    const int64_t last = 253402300799999999;  /* the end of 9999 */
    const int64_t step = 86399 * INT64_C(1000000) * 37 + 123457;
    int64_t count = 0;
    for (int64_t us = first; us <= last; us += step, count++) {
        char text[40];
        int64_t found = 0;
        std::string written(text, bb_instant_format(us, text));
        ASSERT_TRUE(ownlens_instant(bytes(written), &found)) << written;
        ASSERT_EQ(found, us) << written;
    }
    EXPECT_GT(count, 90000);
}

TEST(Instant, TakesTheOffsetOff)
{
    int64_t there = 0;
    int64_t here = 0;
    ASSERT_TRUE(ownlens_instant(bytes("2024-03-01T01:15:00.250000+05:45"), &there));
    ASSERT_TRUE(ownlens_instant(bytes("2024-02-29T19:30:00.250000Z"), &here));
    EXPECT_EQ(there, here);
    ASSERT_TRUE(ownlens_instant(bytes("2023-12-31T22:00:00-02:00"), &there));
    ASSERT_TRUE(ownlens_instant(bytes("2024-01-01T00:00:00Z"), &here));
    EXPECT_EQ(there, here);
}

TEST(Instant, RefusesOtherForms)
{
    for (const char *text :
         {"", "2024", "2024-02-29", "2024-02-29T19:30Z", "2024-02-29T19:30:00",
          "2024-02-29T19:30:00z", "2024-02-29T19:30:00.25Z", "2024-02-29T19:30:00+0545",
          "2024-02-29T19:30:00+05:4", "2024-02-29T19:30:00+05:450", "2024-02-29T19:30:00+a5:45",
          "x024-02-29T19:30:00Z"}) {
        int64_t us = 0;
        EXPECT_FALSE(ownlens_instant(bytes(text), &us)) << text;
    }
}

TEST(Instant, KnowsWhichFormsNameTheirOffset)
{
    for (const char *text : {"2024-02-29T19:30:00Z", "2024-02-29t19:30z",
                             "2024-02-29 19:30:00+0000", "2024-02-29_19:30-03:00",
                             "2024-02-29T19:30\xE2\x88\x92"
                             "03:00",
                             "1741944413", "-1741944413", "0"})
        EXPECT_TRUE(ownlens_has_offset(BUSBAR_STRING, bytes(text))) << text;
    for (const char *text :
         {"2024-02-29T19:30:00", "2024-02-29 19:30", "2024-02-29", "2024-02-29T19:30:00.5"})
        EXPECT_FALSE(ownlens_has_offset(BUSBAR_STRING, bytes(text))) << text;
    EXPECT_TRUE(ownlens_has_offset(BUSBAR_NUMBER, bytes("1741944413")));
}

} // namespace
