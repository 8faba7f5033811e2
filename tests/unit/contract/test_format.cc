/* The formats, as tables of texts that pass and texts that do not. */
#include <gtest/gtest.h>

#include <cctype>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include "contract/format.h"
}

namespace
{

using Texts = std::vector<std::string>;

/* Checks a copy that ends where its memory ends, so that sanitizers see a byte read too many. */
bool Check(const char *format, const std::string &text)
{
    bb_format_fn check = bb_format_find(format);
    if (!check) {
        ADD_FAILURE() << "no format " << format;
        return false;
    }
    std::vector<char> exact(text.begin(), text.end());
    exact.shrink_to_fit();
    return check(exact.data(), exact.size());
}

void Expect(const char *format, const Texts &good, const Texts &bad)
{
    for (const std::string &text : good)
        EXPECT_TRUE(Check(format, text)) << format << ": " << text;
    for (const std::string &text : bad)
        EXPECT_FALSE(Check(format, text)) << format << ": " << text;
}

const std::string kNul(1, '\0');

} // namespace

TEST(Format, NamesOfTheSpecificationAreKnown)
{
    for (const char *name : {"date-time",    "date",
                             "time",         "duration",
                             "email",        "idn-email",
                             "hostname",     "idn-hostname",
                             "ipv4",         "ipv6",
                             "uri",          "uri-reference",
                             "iri",          "iri-reference",
                             "uuid",         "uri-template",
                             "json-pointer", "relative-json-pointer",
                             "regex",        "ip",
                             "timezone",     "http-url"}) {
        EXPECT_NE(bb_format_find(name), nullptr) << name;
        EXPECT_NE(bb_format_expectation(name), nullptr) << name;
    }
    for (const char *name : {"", "Date", "color", "date_time", "uuid4"}) {
        EXPECT_EQ(bb_format_find(name), nullptr) << name;
        EXPECT_EQ(bb_format_expectation(name), nullptr) << name;
    }
}

TEST(Format, EmptyTextAndNul)
{
    for (const char *name : {"date-time", "date", "time", "duration", "email", "idn-email",
                             "hostname", "idn-hostname", "ipv4", "ipv6", "uri", "iri", "uuid",
                             "relative-json-pointer", "ip", "timezone", "http-url"}) {
        EXPECT_FALSE(Check(name, "")) << name;
        EXPECT_FALSE(Check(name, kNul)) << name;
    }
    for (const char *name : {"uri-reference", "iri-reference", "uri-template", "json-pointer"})
        EXPECT_TRUE(Check(name, "")) << name;
    for (const char *name : {"uri-reference", "iri-reference", "uri-template"})
        EXPECT_FALSE(Check(name, "a" + kNul)) << name;
}

TEST(Format, Date)
{
    Expect("date",
           {"2025-03-14", "2024-02-29", "2000-02-29", "0000-01-01", "9999-12-31", "2025-01-31",
            "2025-04-30"},
           {"2025-02-29",
            "1900-02-29",
            "2025-00-01",
            "2025-13-01",
            "2025-01-00",
            "2025-01-32",
            "2025-04-31",
            "2025-06-31",
            "2025-09-31",
            "2025-11-31",
            "2025-3-14",
            "25-03-14",
            "2025-03-14T",
            "2025/03/14",
            "20250314",
            "2025-W11-5",
            "2025-073",
            "+2025-03-14",
            "2025-03-1\xE0\xA7\xAA",
            "2025-03-14 ",
            " 2025-03-14",
            "-025-03-14",
            "2025-03--4"});
}

TEST(Format, Time)
{
    Expect("time",
           {"09:26:53Z", "09:26:53z", "09:26:53.123Z", "09:26:53.123456789012Z", "23:59:59-23:59",
            "00:00:00+23:59", "23:59:60Z", "23:59:60+00:00", "01:29:60+01:30", "23:29:60+23:30",
            "15:59:60-08:00", "00:29:60-23:30", "15:59:60.5-08:00"},
           {"09:26:53",
            "09:26Z",
            "9:26:53Z",
            "09:26:53.Z",
            "24:00:00Z",
            "09:60:00Z",
            "09:26:61Z",
            "09:26:60Z",
            "22:59:60Z",
            "23:58:60Z",
            "23:59:60+01:00",
            "09:26:53+24:00",
            "09:26:53+01:60",
            "09:26:53+0100",
            "09:26:53+1:00",
            "09:26:53 Z",
            "09:26:53ZZ",
            "09:26:53Z+01:00",
            "09:26:53,5Z",
            "12:00:00.1 Z",
            "09:26:5\xE0\xA7\xAAZ",
            "#9:26:53Z",
            "09:26:53+01:00:00",
            "09:26:53UTC"});
}

TEST(Format, DateTime)
{
    Expect("date-time",
           {"2025-03-14T09:26:53Z", "2025-03-14t09:26:53z", "2025-03-14T09:26:53.5+01:00",
            "2025-03-14T09:26:53-00:00", "1963-06-19T08:30:06.283185Z", "2024-02-29T23:59:59Z",
            "1998-12-31T23:59:60Z", "2015-06-30T23:59:60Z", "1998-12-31T15:59:60.123-08:00",
            "1999-01-01T00:59:60+01:00", "1998-12-31T00:00:00.000Z"},
           {"2025-03-14",
            "2025-03-14T09:26:53",
            "2025-03-14 09:26:53Z",
            "2025-03-14_09:26:53Z",
            "2025-02-29T09:26:53Z",
            "2025-03-14T24:00:00Z",
            "2025-03-14T09:26Z",
            "1998-12-31T23:59:61Z",
            "1998-12-31T23:58:60Z",
            "1998-12-31T22:59:60Z",
            "2025-03-14T23:59:60Z",
            "1998-12-30T23:59:60Z",
            "1998-12-31T00:59:60+01:00",
            "1999-01-02T00:59:60+01:00",
            "1998-12-31T15:59:60-07:00",
            "2013-350T01:01:01",
            "1963-06-1\xE0\xA7\xAAT00:00:00Z",
            "1963-06-11T0\xE0\xA7\xAA:00:00Z",
            "06/19/1963 08:30:06 PST",
            "1985-04-12T23:20:50.52+24:00",
            "2025-03-14T09:26:53.Z",
            "2025-03-14T09:26:53Z ",
            "2025-03-14T09:26:53+00",
            "2025-03-14TT09:26:53Z"});
}

TEST(Format, FractionHasOnlyDigitsAtEveryPlace)
{
    const std::string good = "2025-03-14T09:26:53.123456Z";
    for (size_t i = 20; i < 26; i++) {
        for (int c = 0; c < 256; c++) {
            std::string text = good;
            text[i] = static_cast<char>(c);
            /* A "Z" that is not last, or an offset that ends in the middle, is wrong too. */
            ASSERT_EQ(Check("date-time", text), c >= '0' && c <= '9') << i << " " << c;
        }
    }
}

TEST(Format, Duration)
{
    Expect("duration",
           {"P4DT12H30M5S", "P4Y", "P4M", "P4D", "P4W", "PT0S", "P0D", "P1M", "PT1M", "PT36H",
            "P1DT12H", "P1Y2M3DT4H5M6S", "P2M3D", "PT5M6S", "P0001Y"},
           {"P",       "PT",
            "P1",      "PT1",
            "4D",      "P1YT",
            "PT1D",    "P2D1Y",
            "P1D2H",   "P2S",
            "P1Y2W",   "P1W2D",
            "P1W1W",   "P1D1D",
            "P1Y1D",   "PT1H1S",
            "p1D",     "P1d",
            "P-1D",    "P1.5D",
            "PT1.5S",  "P 1D",
            "P1DT",    "PDT1H",
            "P1D ",    "P2Y\xE0\xA7\xAAM",
            "PT1HT1M", "P1H",
            "P1WT1H"});
}

TEST(Format, Uuid)
{
    const std::string good = "123e4567-e89b-12d3-a456-426614174000";
    Expect("uuid",
           {good, "123E4567-E89B-12D3-A456-426614174000", "00000000-0000-0000-0000-000000000000",
            "ffffffff-FFFF-ffff-FFFF-ffffffffffff", "98d80576-482e-427f-8434-7f86890ab222"},
           {"123e4567e89b12d3a456426614174000", "{" + good + "}", "urn:uuid:" + good, good + "0",
            good.substr(1), "123e4567-e89b-12d3-a456_426614174000",
            "123e-4567-e89b-12d3-a456426614174000"});
    /* Every byte at every place. */
    for (size_t i = 0; i < good.size(); i++) {
        for (int c = 0; c < 256; c++) {
            std::string text = good;
            text[i] = static_cast<char>(c);
            bool hyphen = good[i] == '-';
            bool expected = hyphen ? c == '-' : c < 0x80 && std::isxdigit(c);
            ASSERT_EQ(Check("uuid", text), expected) << i << " " << c;
        }
    }
}

TEST(Format, Timezone)
{
    Expect("timezone",
           {"UTC", "Etc/GMT+1", "America/Argentina/Buenos_Aires", "US/Pacific", "Asia/Calcutta",
            "Asia/Kolkata", "Europe/Berlin", "Africa/Abidjan", "Zulu", "GMT", "GMT0", "EST5EDT",
            "America/Port-au-Prince", "Etc/UTC", "Europe/Kyiv", "Europe/Kiev", "WET"},
           {"utc", "europe/berlin", "Europe/Berlin ", "Europe", "Europe/", "Europe/Berlinn",
            "Europe/Berli", "Mars/Base", "+01:00", "UTC+1", "posix/UTC", "right/UTC", "localtime",
            "Africa", "Zuluu", "zzz", "A", "Europe/Berlin" + kNul, "UTC" + kNul + "x"});
}

TEST(Format, TimezoneTableIsSortedAndComplete)
{
    std::ifstream table(BB_SOURCE_DIR "/core/contract/timezone_names.inc");
    std::string line;
    std::string last;
    int count = 0;
    while (std::getline(table, line)) {
        size_t start = line.find("    ZONE(\"");
        if (start != 0)
            continue;
        std::string name = line.substr(10, line.find('"', 10) - 10);
        EXPECT_LT(std::make_pair(last.size(), last), std::make_pair(name.size(), name));
        EXPECT_TRUE(Check("timezone", name)) << name;
        last = name;
        count++;
    }
    EXPECT_GE(count, 590);
}

TEST(Format, Hostname)
{
    Expect("hostname",
           {"www.example.com", "localhost", "a", "1", "123.com", "a-b.c", "xn--4gbwdl.xn--wgbh1c",
            "xn--bcher-kva.example", "XN--BCHER-KVA.example", std::string(63, 'a'),
            "xn--ihqwcrb4cv8a8dqg056pqjye", "0--0"},
           {"-a",
            "a-",
            "a..b",
            ".a",
            "a.",
            ".",
            "a_b",
            "a b",
            "a\nb",
            "b\xC3\xBC"
            "cher.example",
            std::string(64, 'a'),
            "xn--",
            "xn--X",
            "aa--bb",
            "a/b",
            "a:80",
            "[::1]",
            "xn--a",
            "xn--07jt112bpxg",
            "example.com\n",
            std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a') + "." +
                std::string(62, 'a')});
    EXPECT_TRUE(Check("hostname", std::string(63, 'a') + "." + std::string(63, 'a') + "." +
                                      std::string(63, 'a') + "." + std::string(61, 'a')));
}

TEST(Format, IdnHostname)
{
    Expect("idn-hostname",
           {"www.example.com", "\xEC\x8B\xA4\xEB\xA1\x80.\xED\x85\x8C\xEC\x8A\xA4\xED\x8A\xB8",
            "b\xC3\xBC"
            "cher.example",
            "a\xE3\x80\x82"
            "b",
            "a\xEF\xBC\x8E"
            "b",
            "xn--bcher-kva.example", "l\xC2\xB7l", "\xCE\xB1\xCD\xB5\xCE\xB2",
            "\xD7\x90\xD7\xB3\xD7\x91", "\xE3\x83\xBB\xE3\x81\x81",
            "\xE0\xA4\x95\xE0\xA5\x8D\xE2\x80\x8D\xE0\xA4\xB7"},
           {"-a", "\xEC\x8B\xA4.", "\xE3\x80\x82",
            "\xE3\x80\xAE\xEC\x8B\xA4\xEB\xA1\x80", /* Hangul tone mark */
            "a\xC2\xB7l", "l\xC2\xB7", "\xE0\xA4\x95\xE2\x80\x8D\xE0\xA4\xB7" /* joiner alone */,
            "\xCC\x81"
            "a" /* combining mark first */,
            "\xE3\x83\xBB" /* middle dot alone */, "\xE2\x80\xBF", "b\xFF",
            "\xD9\xA0\xDB\xB0" /* both kinds of Arabic digits */, "-> $1.00 --", "aa--\xC3\xBC",
            "\xC3\xBC-", "-\xC3\xBC", "\xC3\xBC" + kNul, std::string(70, 'a'),
            "b\xC3\x9C"
            "cher"});
    std::string label;
    for (int i = 0; i < 40; i++)
        label += "\xEC\x8B\xA4";
    EXPECT_FALSE(Check("idn-hostname", label + "\xEB\xA1\x80" + label + label));
}

TEST(Format, Ipv4)
{
    Expect("ipv4", {"192.0.2.7", "0.0.0.0", "255.255.255.255", "1.10.100.200"},
           {"256.0.0.1", "192.0.2", "192.0.2.7.1", "192.0.2.07", "00.0.0.0", "0x7f.0.0.1", "1.2.3.",
            ".1.2.3", "1..2.3", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "1.2.3.4/24", "2130706433",
            "1.2.3.1000",
            "1\xE0\xA7\xA8"
            "7.0.0.1",
            "-1.2.3.4", "1,2,3,4"});
}

TEST(Format, Ipv6)
{
    Expect("ipv6",
           {"::", "::1", "2001:db8::7", "1:2:3:4:5:6:7:8", "2001:DB8::A", "::ffff:192.0.2.7",
            "1:2:3:4:5:6:192.0.2.7", "1::", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::42:ff:1",
            "d6::", "1000:1000:1000:1000:1000:1000:255.255.255.255", "1:d6::42"},
           {"1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1::2::3",
            ":::",
            ":",
            ":1",
            "1:",
            "12345::",
            "::g",
            "::1%eth0",
            "fe80::a%1",
            "1:2:3:4:5:6:7:192.0.2.7",
            "::192.0.2.256",
            "::192.0.2",
            "192.0.2.7",
            "::1 ",
            " ::1",
            "[::1]",
            "::1/64",
            "2:3:4:5:6:7:8:",
            ":2:3:4:5:6:7:8",
            "::ffff:192.0.02.7",
            "1::2:192.0.2.7:1",
            "::1" + kNul,
            "1000:1000:1000:1000:1000:1000:1000:255.255.255.255"});
    Expect("ip", {"192.0.2.7", "::1", "2001:db8::192.0.2.7"}, {"256.1.1.1", "x", "1.2.3", ":::"});
}

TEST(Format, Email)
{
    Expect("email",
           {"name@example.com", "te~st@example.com", "~a@b", "te.s.t@example.com", "a+b@c.d",
            "\"joe bloggs\"@example.com", "\"joe..bloggs\"@example.com", "\"joe@bloggs\"@a.b",
            "\"a\\\"b\"@a.b", "joe@[127.0.0.1]", "joe@[IPv6:::1]", "joe@[ipv6:2001:db8::1]",
            std::string(64, 'a') + "@b.c", "\"\"@a.b"},
           {"2962",
            "@example.com",
            "name@",
            "name",
            ".test@example.com",
            "test.@example.com",
            "te..st@example.com",
            "a b@c.d",
            "a@b@c",
            "joe@invalid=domain.com",
            "joe@[127.0.0.300]",
            "joe@[IPv6:::g]",
            "joe@[127.0.0.1",
            "joe@127.0.0.1]",
            "a@-b.c",
            "a@b..c",
            "a@b.c.",
            "\"joe@a.b",
            "\"joe\"b@a.b",
            "\"a\\\x01\"@a.b",
            "b\xC3\xBC@c.d",
            "a@b\xC3\xBC.d",
            "a@b.c\n",
            "user1@oceania.org, user2@oceania.org",
            std::string(65, 'a') + "@b.c",
            "a@[]",
            "a@[IPv6:]",
            "(c)a@b.c",
            "<a@b.c>",
            "\"\\"});
    Expect("idn-email",
           {"name@example.com",
            "\xEC\x8B\xA4\xEB\xA1\x80@\xEC\x8B\xA4\xEB\xA1\x80.\xED\x85\x8C\xEC\x8A\xA4",
            "b\xC3\xBC@c.d", "\"b\xC3\xBC c\"@b\xC3\xBC.d"},
           {"2962", "b\xC3\xBC", "a@b\xC3\xBC-.d", "a b\xC3\xBC@c.d"});
}

TEST(Format, Uri)
{
    const Texts good = {"http://example.com",
                        "http://foo.bar/?baz=qux#quux",
                        "http://foo.com/blah_(wikipedia)_blah#cite-1",
                        "http://foo.bar/?q=Test%20URL-encoded%20stuff",
                        "http://xn--nw2a.xn--j6w193g/",
                        "http://-.~_!$&'()*+,;=:%40:80%2f::::::@example.com",
                        "http://223.255.255.254",
                        "ftp://ftp.is.co.za/rfc/rfc1808.txt",
                        "http://www.ietf.org/rfc/rfc2396.txt",
                        "ldap://[2001:db8::7]/c=GB?objectClass?one",
                        "mailto:John.Doe@example.com",
                        "news:comp.infosystems.www.servers.unix",
                        "tel:+1-816-555-1212",
                        "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
                        "http://[v7.a:b]/",
                        "http://a:8080",
                        "http://a:",
                        "http:///a",
                        "file:///etc",
                        "a:",
                        "a:?q",
                        "a:#",
                        "http://a?b?c",
                        "http://a/b@c:d"};
    const Texts references = {"//foo.bar/?baz=qux#quux",
                              "/abc",
                              "abc",
                              "#fragment",
                              "?q",
                              "./a:b",
                              "a/b:c",
                              "../x",
                              "",
                              "//",
                              "a@b"};
    Texts refused = {"\\\\WINDOWS\\fileshare",
                     "http:// shouldfail.com",
                     ":// should fail",
                     "bar,baz:foo",
                     "http://a b",
                     "http://a/<b>",
                     "http://a/{b}",
                     "http://a/b^c",
                     "http://a/b`c",
                     "http://a/b|c",
                     "http://a/\"b\"",
                     "http://a/%",
                     "http://a/%2",
                     "http://a/%2g",
                     "http://a#b#c",
                     "http://[::1",
                     "http://::1]",
                     "http://[1.2.3.4]",
                     "http://[::1%25eth0]",
                     "http://[v.a]",
                     "http://[v7.]",
                     "http://2001:db8::7/",
                     "http://a:b",
                     "http://a:80a",
                     "https://[@example.org/test.txt",
                     "http://a@b@c",
                     "1http://a",
                     ":a",
                     "http://a\x7F",
                     "http://a\n"};
    Expect("uri", good, refused);
    Expect("uri", {}, {"//foo.bar/?baz=qux#quux", "/abc", "abc", "#a", "http://\xC3\xBC.com"});
    Expect("uri-reference", good, refused);
    Expect("uri-reference", references, {"/\xC3\xBC", "1:a", "a b"});
    Expect("iri", good, refused);
    Expect(
        "iri",
        {"http://\xC6\x92\xC3\xB8\xC3\xB8.\xC3\x9F\xC3\xA5r/?\xE2\x88\x82\xC3\xA9\xC5\x93#\xC3\xBC",
         "http://a/?\xEE\x80\x80", "http://\xC3\xBC@\xC3\xBC"},
        {"/\xC3\xBC", "http://a/\xEE\x80\x80", "http://a/#\xEE\x80\x80", "http://a/\xEF\xBF\xBE",
         "http://a/\xC2\x80", "http://a/\xFF", "http://[\xC3\xBC]", "\xC3\xBC:a"});
    Expect("iri-reference",
           {"/\xC3\xBC", "#\xC6\x92r\xC3\xA4gm\xC3\xAAnt", "\xC3\xA2\xCF\x80\xCF\x80"},
           {"\\\\WINDOWS\\f\xC3\xAEleshare", "#\xC6\x92r\xC3\xA4g\\m\xC3\xAAnt"});
}

TEST(Format, HttpUrl)
{
    Expect("http-url",
           {"http://ab", "https://example.com/a?b=c#d", "http://1.", "http://a b", "http://a/",
            "http://a\xC3\xBC", "http://\xC3\xBC\xC3\xBC", "https://-x", "http://a:", "http://%%"},
           {"http://a",
            "http://",
            "https://",
            "http:/ab",
            "HTTP://ab",
            "ftp://ab",
            "http:///a",
            "http://.a",
            "http://?a",
            "http://#a",
            "http://$a",
            "http:// a",
            "http://a\nb",
            "http://ab\n",
            "http://abc d",
            "http://ab\xC2\xA0",
            "http://ab\xE3\x80\x80",
            "http://\xC2\x85"
            "ab",
            " http://ab",
            "http://ab ",
            "http://ab\x1F",
            "xhttp://ab"});
}

TEST(Format, UriTemplate)
{
    Expect("uri-template",
           {"http://example.com/dictionary/{term:1}/{term}", "/a/{id}", "{+path}/here", "{#x,y}",
            "{?a,b*,c:3}", "{&x}", "{;x}", "{.x}", "{/x}", "{a.b}", "{%20}", "{_}", "a%20b",
            "\xC3\xBC{a}", "{x:9999}", "{=x}", "{|x}", "{0}"},
           {"http://example.com/dictionary/{term:1}/{term",
            "{",
            "}",
            "{}",
            "{a",
            "a}",
            "{a}}",
            "{{a}}",
            "{a b}",
            "{a,}",
            "{,a,}",
            "{a:}",
            "{a:0}",
            "{a:10000}",
            "{a:x}",
            "{a*:3}",
            "{a:3*}",
            "{a..b}",
            "{a.}",
            "{.}",
            "{-a}",
            "{a-b}",
            "%",
            "%2",
            "%zz",
            "{%2}",
            "a b",
            "a\"b",
            "a<b",
            "a>b",
            "a\\b",
            "a^b",
            "a`b",
            "a|b",
            "a\x7F",
            "{+}",
            "{a:-1}",
            "it's"});
}

TEST(Format, JsonPointer)
{
    Expect("json-pointer",
           {"", "/", "//", "/a", "/a/0", "/a~0b~1c", "/\"", "/ ", "/\xC3\xBC", "/~01", "/a" + kNul},
           {"a", "#", "#/a", "/~", "/~2", "/a~", "a/b", "~0", " /a", "/a/~/b", "/~a~0"});
    Expect("relative-json-pointer", {"0", "1/a", "0#", "12/a/~0b", "0/", "1+1/a", "0-2#", "3-1"},
           {"", "/a", "#", "-1/a", "+1/a", "01/a", "00", "0##", "0#a", "1a", "1 /a", "1/~", "1+",
            "1+/a", "1+01", "1/a#~2"});
}

TEST(Format, Regex)
{
    Expect("regex",
           {"",
            "a",
            "^[a-z]+$",
            "([abc])+\\s+$",
            "\\d{3}",
            "(?:a|b)",
            "(?=a)",
            "(?!a)",
            "(?<=a)b",
            "(?<!a)b",
            "(?<year>\\d{4})-\\k<year>",
            "\\u0041",
            "\\x41",
            "\\p{L}",
            "[^]",
            "a{2,}",
            "a+?",
            "\\cA",
            "\\/",
            "\xC3\xBC+"},
           {"^(abc]",
            "[a",
            "(a",
            "a)",
            "*a",
            "+",
            "a**",
            "\\",
            "\\Z",
            "\\a",
            "^\\S(|(.|\\n)*\\S)\\Z",
            "[b-a]",
            "a{2,1}",
            "(?<a>x)(?<a>y)",
            "(?>a)",
            "a++",
            "(?i)a",
            "\\k<x>",
            "\\A",
            "\\z",
            "(?#c)",
            "(?P<a>b)",
            "(*UTF)a",
            "a(*ACCEPT)b",
            "(?|a)",
            "(?R)",
            "a{2}+",
            "a?+",
            "a*?+",
            "(",
            "(?",
            "[",
            "(*"});
}
