/* The client library on the embedded broker: outcomes, threads, refusals. */
#include <gtest/gtest.h>

#include <busbar/client.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace
{

/* A folder with a configuration of one domain that is a schema alone. */
class Folder
{
  public:
    explicit Folder(const std::string &bootstrap = "embedded", const std::string &more = "")
    {
        char name[] = "/tmp/busbar-client-XXXXXX";
        EXPECT_NE(nullptr, mkdtemp(name));
        path_ = name;
        std::ofstream(path_ + "/order.json")
            << R"({"type": "object", "x-busbar-key": "{id}", "required": ["id"],
                   "properties": {"id": {"type": "string"}, "n": {"type": "integer"}}})";
        std::ofstream(path_ + "/busbar.yaml")
            << "kafka: { bootstrap.servers: \"" << bootstrap << "\" }\n"
            << "domains:\n  shop:\n    plugin: generic\n    events:\n"
            << "      order: { schema: order.json, topic: orders }\n"
            << more;
    }
    ~Folder()
    {
        unlink((path_ + "/order.json").c_str());
        unlink((path_ + "/busbar.yaml").c_str());
        rmdir(path_.c_str());
    }
    Folder(const Folder &) = delete;
    std::string config() const
    {
        return path_ + "/busbar.yaml";
    }

  private:
    std::string path_;
};

struct Seen {
    std::vector<int> status;
    std::vector<uintptr_t> tags;
    std::vector<std::string> pointers, topics, messages;
    std::vector<int64_t> offsets;
    std::atomic<int> inside{0};
    bool overlapped = false;
    busbar_client *client = nullptr;
    int publish_from_inside = 0;
};

void see(const busbar_outcome *outcome, void *user)
{
    Seen *seen = static_cast<Seen *>(user);
    if (seen->inside.fetch_add(1) != 0)
        seen->overlapped = true;
    seen->status.push_back(outcome->status);
    seen->tags.push_back(reinterpret_cast<uintptr_t>(outcome->opaque));
    seen->pointers.push_back(outcome->pointer ? outcome->pointer : "");
    seen->topics.push_back(outcome->topic ? outcome->topic : "");
    seen->messages.push_back(outcome->message ? outcome->message : "");
    seen->offsets.push_back(outcome->offset);
    if (seen->client)
        seen->publish_from_inside =
            busbar_client_publish(seen->client, "shop.order", "{}", 2, nullptr);
    seen->inside.fetch_sub(1);
}

busbar_client *open_client(const Folder &folder, Seen *seen)
{
    char reason[512] = "";
    busbar_client *client =
        busbar_client_open(folder.config().c_str(), see, seen, reason, sizeof reason);
    EXPECT_NE(nullptr, client) << reason;
    return client;
}

int publish(busbar_client *client, const std::string &text, uintptr_t tag)
{
    return busbar_client_publish(client, "shop.order", text.data(), text.size(),
                                 reinterpret_cast<void *>(tag));
}

} // namespace

TEST(Client, EveryEventGetsItsOutcomeInOrder)
{
    Folder folder;
    Seen seen;
    busbar_client *client = open_client(folder, &seen);
    ASSERT_NE(nullptr, client);
    EXPECT_EQ(0, publish(client, R"({"id": "a"})", 1));
    EXPECT_EQ(0, publish(client, R"({"id": "a", "n": "many"})", 2));
    EXPECT_EQ(0, publish(client, R"({"id": "a", "n": 2})", 3));
    EXPECT_EQ(0u, busbar_client_flush(client, 20000));
    EXPECT_EQ((std::vector<int>{1, 2, 1}), seen.status);
    EXPECT_EQ((std::vector<uintptr_t>{1, 2, 3}), seen.tags);
    EXPECT_EQ((std::vector<int64_t>{0, -1, 1}), seen.offsets);
    EXPECT_EQ("/n", seen.pointers[1]);
    EXPECT_EQ("orders", seen.topics[0]);
    busbar_client_close(client, 1000);
    EXPECT_EQ(3u, seen.status.size());
}

TEST(Client, BatchTakesUpToTheFirstUnknown)
{
    Folder folder;
    Seen seen;
    busbar_client *client = open_client(folder, &seen);
    ASSERT_NE(nullptr, client);
    const char *texts[] = {R"({"id": "a"})", R"({"id": 1})", R"({"id": "b"})"};
    const size_t sizes[] = {strlen(texts[0]), strlen(texts[1]), strlen(texts[2])};
    void *const tags[] = {reinterpret_cast<void *>(7), reinterpret_cast<void *>(8),
                          reinterpret_cast<void *>(9)};
    EXPECT_EQ(3u, busbar_client_publish_batch(client, "shop.order", texts, sizes, 3, tags));
    EXPECT_EQ(0u, busbar_client_publish_batch(client, "shop.ordre", texts, sizes, 3, nullptr));
    EXPECT_EQ(-1, busbar_client_publish(client, "shop.ordre", texts[0], sizes[0], nullptr));
    busbar_client_close(client, 20000);
    EXPECT_EQ((std::vector<uintptr_t>{7, 8, 9}), seen.tags);
    EXPECT_EQ((std::vector<int>{1, 2, 1}), seen.status);
}

TEST(Client, OutcomesComeWithoutAnyCallOfTheProgram)
{
    Folder folder;
    struct Count {
        std::atomic<int> outcomes{0};
    } count;
    char reason[512] = "";
    busbar_client *client = busbar_client_open(
        folder.config().c_str(),
        [](const busbar_outcome *, void *user) { static_cast<Count *>(user)->outcomes++; }, &count,
        reason, sizeof reason);
    ASSERT_NE(nullptr, client) << reason;
    EXPECT_EQ(0, publish(client, R"({"id": "a"})", 1));
    for (int i = 0; i < 20000 && count.outcomes == 0; i++)
        usleep(1000); /* bounded wait for the client's own thread, which is what is tested */
    EXPECT_EQ(1, count.outcomes);
    busbar_client_close(client, 1000);
}

TEST(Client, SeveralThreadsPublishAtOnce)
{
    enum { THREADS = 4, EVENTS = 2000 };
    Folder folder;
    Seen seen;
    busbar_client *client = open_client(folder, &seen);
    ASSERT_NE(nullptr, client);
    std::vector<std::thread> threads;
    for (uintptr_t t = 0; t < THREADS; t++)
        threads.emplace_back([client, t] {
            for (uintptr_t i = 0; i < EVENTS; i++)
                EXPECT_EQ(0,
                          publish(client, i % 10 ? R"({"id": "a"})" : R"({"id": 1})", t << 32 | i));
        });
    for (auto &thread : threads)
        thread.join();
    EXPECT_EQ(0u, busbar_client_flush(client, 30000));
    ASSERT_EQ(static_cast<size_t>(THREADS * EVENTS), seen.tags.size());
    EXPECT_FALSE(seen.overlapped);
    std::map<uintptr_t, uintptr_t> next; /* per thread, the event whose turn it is */
    for (size_t i = 0; i < seen.tags.size(); i++) {
        uintptr_t number = seen.tags[i] & 0xffffffffu;
        ASSERT_EQ(next[seen.tags[i] >> 32]++, number);
        ASSERT_EQ(number % 10 ? BUSBAR_OUTCOME_DELIVERED : BUSBAR_OUTCOME_REJECTED, seen.status[i]);
    }
    busbar_client_close(client, 1000);
}

TEST(Client, PublishingFromTheCallbackIsRefused)
{
    Folder folder;
    Seen seen;
    busbar_client *client = open_client(folder, &seen);
    ASSERT_NE(nullptr, client);
    seen.client = client;
    EXPECT_EQ(0, publish(client, R"({"id": 1})", 1));
    EXPECT_EQ(0u, busbar_client_flush(client, 20000));
    EXPECT_EQ(-1, seen.publish_from_inside);
    EXPECT_EQ(1u, seen.tags.size());
    seen.client = nullptr;
    busbar_client_close(client, 1000);
}

TEST(Client, WithoutKafkaWhatIsLeftFailsAtTheEnd)
{
    Folder folder("127.0.0.1:1");
    Seen seen;
    busbar_client *client = open_client(folder, &seen);
    ASSERT_NE(nullptr, client);
    EXPECT_EQ(0, publish(client, R"({"id": "a"})", 1));
    EXPECT_EQ(1u, busbar_client_flush(client, 50));
    EXPECT_EQ(0u, seen.tags.size());
    busbar_client_close(client, 0);
    EXPECT_EQ((std::vector<int>{BUSBAR_OUTCOME_FAILED}), seen.status);
    EXPECT_NE("", seen.messages[0]);
}

TEST(Client, ABadConfigurationIsSaidInOneSentence)
{
    Folder folder("embedded", "domans: {}\n");
    char reason[512] = "";
    EXPECT_EQ(nullptr,
              busbar_client_open(folder.config().c_str(), nullptr, nullptr, reason, sizeof reason));
    EXPECT_NE(std::string::npos, std::string(reason).find("busbar.yaml:7:1")) << reason;
    EXPECT_NE(std::string::npos, std::string(reason).find("domans")) << reason;
    char tiny[8];
    EXPECT_EQ(nullptr,
              busbar_client_open("/nowhere/busbar.yaml", nullptr, nullptr, tiny, sizeof tiny));
    EXPECT_LT(strlen(tiny), sizeof tiny);
    EXPECT_EQ(nullptr, busbar_client_open("/nowhere/busbar.yaml", nullptr, nullptr, nullptr, 0));
}

TEST(Client, NullIsAccepted)
{
    busbar_client_close(nullptr, 0);
    EXPECT_EQ(0u, busbar_client_flush(nullptr, 0));
    EXPECT_EQ(-1, busbar_client_publish(nullptr, "shop.order", "{}", 2, nullptr));
}
