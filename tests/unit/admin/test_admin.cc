// The admin port: routes, answers and refusals, with callbacks that need no Kafka.
#include <arpa/inet.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

extern "C" {
#include "admin/admin.h"
#include "base/error.h"
#include "base/log.h"
}

namespace
{

struct Fake {
    bool live = true, ready = true;
    int calls = 0;
};

Fake *Of(void *user)
{
    return static_cast<Fake *>(user);
}

gboolean Verdict(bool good, GString *reason, const char *why)
{
    if (!good)
        g_string_append(reason, why);
    return good;
}

bb_admin_source Source(Fake *fake)
{
    bb_admin_source source{};
    source.metrics = [](void *user) {
        Of(user)->calls++;
        return g_string_new("up 1\n");
    };
    source.status = [](void *user) {
        Of(user)->calls++;
        return g_string_new("{\"version\":\"1\"}");
    };
    source.live = [](void *user, GString *reason) {
        return Verdict(Of(user)->live, reason, "it hangs");
    };
    source.ready = [](void *user, GString *reason) {
        return Verdict(Of(user)->ready, reason, "shop.order waits");
    };
    source.user = fake;
    return source;
}

int Connect(const bb_admin *admin)
{
    std::string address = bb_admin_address(admin);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof(to)), 0);
    return fd;
}

// The whole answer to a request; the other side closes.
std::string Ask(const bb_admin *admin, const std::string &line, const std::string &more = "")
{
    std::string request = line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + more + "\r\n";
    int fd = Connect(admin);
    EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string all;
    char piece[4096];
    for (ssize_t got; (got = recv(fd, piece, sizeof(piece), 0)) > 0;)
        all.append(piece, static_cast<size_t>(got));
    close(fd);
    return all;
}

int Code(const std::string &response)
{
    return response.compare(0, 9, "HTTP/1.1 ") == 0 ? std::stoi(response.substr(9)) : -1;
}

std::string Body(const std::string &response)
{
    size_t end = response.find("\r\n\r\n");
    return end == std::string::npos ? "" : response.substr(end + 4);
}

bool Has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

struct Admin : testing::Test {
    Fake fake;
    bb_admin *admin = nullptr;
    void SetUp() override
    {
        bb_log_set_level(3);
        bb_admin_source source = Source(&fake);
        g_autoptr(GError) error = nullptr;
        admin = bb_admin_new("127.0.0.1:0", &source, &error);
        ASSERT_NE(admin, nullptr) << error->message;
    }
    void TearDown() override
    {
        bb_admin_free(admin);
    }
};

TEST_F(Admin, MetricsArePrometheusText)
{
    std::string response = Ask(admin, "GET /metrics");
    EXPECT_EQ(Code(response), 200);
    EXPECT_TRUE(Has(response, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    EXPECT_EQ(Body(response), "up 1\n");
}

TEST_F(Admin, StatusIsJson)
{
    std::string response = Ask(admin, "GET /status?pretty=1");
    EXPECT_EQ(Code(response), 200);
    EXPECT_TRUE(Has(response, "Content-Type: application/json\r\n"));
    EXPECT_EQ(Body(response), "{\"version\":\"1\"}");
}

TEST_F(Admin, LiveAndReadySayWhyNot)
{
    EXPECT_EQ(Code(Ask(admin, "GET /live")), 200);
    EXPECT_EQ(Body(Ask(admin, "GET /ready")), "ready\n");
    fake.live = fake.ready = false;
    std::string live = Ask(admin, "GET /live"), ready = Ask(admin, "GET /ready");
    EXPECT_EQ(Code(live), 503);
    EXPECT_EQ(Body(live), "not live: it hangs\n");
    EXPECT_EQ(Code(ready), 503);
    EXPECT_EQ(Body(ready), "not ready: shop.order waits\n");
}

TEST_F(Admin, HeadHasTheLengthAndNoBody)
{
    std::string response = Ask(admin, "HEAD /metrics");
    EXPECT_EQ(Code(response), 200);
    EXPECT_TRUE(Has(response, "Content-Length: 5\r\n"));
    EXPECT_EQ(Body(response), "");
    EXPECT_EQ(fake.calls, 1);
}

TEST_F(Admin, OtherMethodsAreRefused)
{
    for (const char *method : {"POST", "PUT", "DELETE", "OPTIONS"}) {
        std::string response =
            Ask(admin, std::string(method) + " /metrics", "Content-Length: 0\r\n");
        EXPECT_EQ(Code(response), 405) << method;
        EXPECT_TRUE(Has(response, "Allow: GET, HEAD\r\n")) << method;
    }
    EXPECT_EQ(Code(Ask(admin, "POST /metrics", "Content-Length: 100000000\r\n")), 405);
    EXPECT_EQ(fake.calls, 0);
}

TEST_F(Admin, UnknownPathsListTheKnown)
{
    for (const char *path : {"/", "/metrics/", "/METRICS", "/../metrics", "/metric"}) {
        std::string response = Ask(admin, std::string("GET ") + path);
        EXPECT_EQ(Code(response), 404) << path;
        for (const char *known : {"/metrics", "/live", "/ready", "/status"})
            EXPECT_TRUE(Has(Body(response), known)) << path;
    }
}

TEST_F(Admin, SilentConnectionsDoNotKeepOthersOut)
{
    int silent[8];
    for (int &fd : silent)
        fd = Connect(admin);
    EXPECT_EQ(Code(Ask(admin, "GET /live")), 200);
    for (int fd : silent)
        close(fd);
}

TEST_F(Admin, OverlongRequestsAreRefused)
{
    std::string response = Ask(admin, "GET /" + std::string(100000, 'x'));
    EXPECT_NE(Code(response), 200); // 414, or the connection is closed
    EXPECT_EQ(Code(Ask(admin, "GET /live")), 200);
}

TEST_F(Admin, ATakenPortSaysSo)
{
    bb_admin_source source = Source(&fake);
    g_autoptr(GError) error = nullptr;
    EXPECT_EQ(bb_admin_new(bb_admin_address(admin), &source, &error), nullptr);
    ASSERT_TRUE(g_error_matches(error, BB_ERROR, BB_ERROR_IO));
    EXPECT_TRUE(Has(error->message, bb_admin_address(admin)));
    EXPECT_TRUE(Has(error->message, "in use"));
}

TEST(AdminAddress, TextsThatAreNoAddress)
{
    Fake fake;
    bb_admin_source source = Source(&fake);
    for (const char *text : {"", ":", ":9464", "9464", "localhost", "localhost:", "127.0.0.1:65536",
                             "127.0.0.1:-1", "127.0.0.1:9464x", "::1:9464", "[::1]", "[]:1"}) {
        g_autoptr(GError) error = nullptr;
        EXPECT_EQ(bb_admin_new(text, &source, &error), nullptr) << text;
        ASSERT_TRUE(g_error_matches(error, BB_ERROR, BB_ERROR_USAGE)) << text;
        EXPECT_TRUE(Has(error->message, "HOST:PORT")) << error->message;
    }
}

/* Asked of the system itself, so that the test is skipped for this reason only. */
bool HasIpv6Loopback()
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    bool bound =
        fd >= 0 && bind(fd, reinterpret_cast<struct sockaddr *>(&address), sizeof address) == 0;
    if (fd >= 0)
        (void)close(fd);
    return bound;
}

TEST(AdminAddress, Ipv6)
{
    if (!HasIpv6Loopback())
        GTEST_SKIP() << "this machine has no IPv6 loopback address";
    Fake fake;
    bb_admin_source source = Source(&fake);
    g_autoptr(GError) error = nullptr;
    g_autoptr(bb_admin) admin = bb_admin_new("[::1]:0", &source, &error);
    ASSERT_NE(admin, nullptr) << error->message;
    EXPECT_TRUE(Has(bb_admin_address(admin), "[::1]:"));
}

} // namespace
