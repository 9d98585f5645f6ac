// Clients that mean harm, or are broken, beside one that scrapes as it should and must be answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <random>
#include <semaphore>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "exporter/front/server.h"
#include "tests/exporter/front/client.h"
#include "tests/support/files.h"

namespace pgtls::front {
namespace {

using std::chrono::milliseconds;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kLarge = std::size_t{32} * 1024 * 1024;  // more than the sockets between handler and client hold

class HardeningTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    // Both ends of every connection are in this process.
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8192);
    setrlimit(RLIMIT_NOFILE, &limit);
  }

  void Start() {
    const http::Body large = std::string(kLarge, 'x');
    std::vector<http::Route> routes = {
        {"/metrics", {"GET"}, [](const http::Request&) { return http::Response{.body = "page"}; }, "metrics"},
        {"/large",
         {"GET"},
         [this, large](const http::Request&) {
           ++asked_for_large_;
           return http::Response{.body = large};
         },
         "large"},
        {"/wait",
         {"GET"},
         [this](const http::Request&) {
           waiting_ += 1;
           release_.acquire();
           return http::Response{.body = "waited"};
         },
         "wait"},
    };
    server_ = std::make_unique<Server>(options_, std::move(routes), nullptr);
    address_ = server_->addresses()[0];
  }

  std::unique_ptr<Client> Send(const std::string& bytes, int receive_buffer = 0, const std::string& from = "") {
    auto client = std::make_unique<Client>(address_, from, receive_buffer);
    EXPECT_TRUE(client->connected());
    client->Send(bytes);
    return client;
  }
  std::unique_ptr<Client> Ask(const std::string& path, int receive_buffer = 0, const std::string& from = "") {
    return Send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n", receive_buffer, from);
  }
  void ExpectScrape() { EXPECT_EQ(Get(address_, "/metrics").body, "page"); }

  static std::size_t Entries(const char* directory) {
    const std::filesystem::directory_iterator entries(directory);
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
  }
  static std::size_t Threads() { return Entries("/proc/self/task"); }
  // Of both ends. A thread that starts has other files open for a moment.
  static std::size_t Sockets() {
    const std::filesystem::directory_iterator entries("/proc/self/fd");
    return static_cast<std::size_t>(std::count_if(begin(entries), end(entries), [](const auto& entry) {
      std::error_code closed;
      return std::filesystem::read_symlink(entry, closed).string().starts_with("socket:");
    }));
  }

  ServerOptions options_{.listen_addresses = {"127.0.0.1:0"}, .workers = 4};
  std::counting_semaphore<> release_{0};
  std::atomic<int> waiting_{0};
  std::atomic<int> asked_for_large_{0};
  std::string address_;
  std::unique_ptr<Server> server_;
};

TEST_F(HardeningTest, ThousandsWhoSayNothingGiveWay) {
  options_.max_connections = 128;
  Start();
  const std::size_t threads = Threads();
  std::vector<std::unique_ptr<Client>> crowd;
  for (int i = 0; i < 2000; ++i) crowd.push_back(Send(i % 2 == 0 ? "" : "GET /metrics HTTP/1.1\r\nX: "));
  ExpectScrape();
  EXPECT_EQ(Threads(), threads);
  // Who came first was cut first.
  EXPECT_EQ(crowd[0]->ReadToEnd(), "");
  EXPECT_EQ(crowd[1]->ReadToEnd(), "");
  crowd.back()->Send("y\r\nHost: a\r\n\r\n");
  EXPECT_EQ(crowd.back()->ReadAnswer().body, "page");
}

TEST_F(HardeningTest, ASlowHeadHasItsTime) {
  options_.head_timeout = milliseconds(400);
  Start();
  const auto silent = Send("");
  const auto half = Send("GET /metrics HT");
  const auto without_body = Send("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  std::atomic<bool> over{false};
  Client drip(address_);
  std::thread dripping([&] {
    drip.Send("GET /metrics HTTP/1.1\r\nX: ");
    while (!over && drip.Send("x")) std::this_thread::sleep_for(milliseconds(20));
  });
  EXPECT_EQ(silent->ReadToEnd(), "");
  EXPECT_EQ(half->ReadToEnd(), "");
  EXPECT_EQ(without_body->ReadToEnd(), "");
  EXPECT_EQ(drip.ReadToEnd(), "");
  over = true;
  dripping.join();
  ExpectScrape();
}

TEST_F(HardeningTest, AnIdleConnectionEnds) {
  options_.idle_timeout = milliseconds(400);
  Start();
  const auto client = Ask("/metrics");
  EXPECT_EQ(client->ReadAnswer().body, "page");
  EXPECT_EQ(client->ReadToEnd(), "");
}

TEST_F(HardeningTest, IdleConnectionsHoldNoWorker) {
  Start();
  std::vector<std::unique_ptr<Client>> scrapers;
  for (int i = 0; i < 20; ++i) {
    scrapers.push_back(Ask("/metrics"));
    EXPECT_EQ(scrapers.back()->ReadAnswer().body, "page");
  }
  for (const auto& scraper : scrapers) {
    scraper->Send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(scraper->ReadAnswer().body, "page");
  }
}

TEST_F(HardeningTest, ReadersWhoDoNotReadGiveWay) {
  Start();
  std::vector<std::unique_ptr<Client>> crowd;
  for (int i = 0; i < 12; ++i) crowd.push_back(Ask("/large", 4096));
  for (int i = 0; i < 3; ++i) ExpectScrape();
}

// More than the places that there are, all of one address, and nobody among them who could be cut for having sent
// nothing.
TEST_F(HardeningTest, HundredsWhoDoNotReadHoldUpNobodyElse) {
  Start();
  std::vector<std::unique_ptr<Client>> crowd;
  for (std::size_t i = 0; i < options_.max_connections + 40; ++i) crowd.push_back(Ask("/large", 4096, "127.0.0.2"));
  EXPECT_TRUE(support::WaitUntil([&] { return asked_for_large_ >= options_.workers; }));
  for (int i = 0; i < 3; ++i) ExpectScrape();
}

// Nothing tells the good one from the others but its place in the queue: that must come before the queue's end.
TEST_F(HardeningTest, ACrowdOfOnesOwnAddressIsCutAtOnce) {
  Start();
  std::vector<std::unique_ptr<Client>> crowd;
  for (int i = 0; i < 60; ++i) crowd.push_back(Ask("/large", 4096));
  EXPECT_TRUE(support::WaitUntil([&] { return asked_for_large_ >= options_.workers; }));
  ExpectScrape();
}

// On a slow path nothing moves for a round trip or two. Whoever waits for the worker meanwhile gives up first here.
TEST_F(HardeningTest, AReaderMayPauseWhileOneWaits) {
  options_.workers = 1;
  options_.queue_timeout = milliseconds(1500);
  Start();
  const auto reader = Ask("/large", 4096);
  EXPECT_TRUE(support::WaitUntil([&] { return asked_for_large_ == 1; }));
  EXPECT_EQ(Ask("/metrics")->ReadAnswer().status, 503);
  EXPECT_EQ(reader->ReadAnswer().body.size(), kLarge);
  ExpectScrape();
}

TEST_F(HardeningTest, AHandlerHasLongerThanAReader) {
  options_.response_timeout = milliseconds(300);
  Start();
  const auto waits = Ask("/wait");
  EXPECT_TRUE(support::WaitUntil([&] { return waiting_ == 1; }));
  // Its time begins later, and is over: so the other has waited longer than that.
  const std::size_t sockets = Sockets();
  const auto reader = Ask("/large", 4096);
  EXPECT_TRUE(support::WaitUntil([&] { return asked_for_large_ == 1; }));
  EXPECT_TRUE(support::WaitUntil([&] { return Sockets() == sockets + 1; })) << "the server's end is open";
  release_.release();
  EXPECT_EQ(waits->ReadAnswer().body, "waited");
}

TEST_F(HardeningTest, AHandlerThatHangsCostsNoConnectionForEver) {
  options_.handler_timeout = milliseconds(300);
  Start();
  const auto waits = Ask("/wait");
  EXPECT_TRUE(support::WaitUntil([&] { return waiting_ == 1; }));
  EXPECT_EQ(waits->ReadToEnd(), "");
  release_.release();
}

TEST_F(HardeningTest, AReaderHasItsTime) {
  options_.response_timeout = milliseconds(500);
  Start();
  const std::size_t sockets = Sockets();
  const auto client = Ask("/large", 4096);
  EXPECT_TRUE(support::WaitUntil([&] { return asked_for_large_ == 1; }));
  EXPECT_TRUE(support::WaitUntil([&] { return Sockets() == sockets + 1; })) << "the server's end is open";
  // What the sockets hold still comes.
  const auto got = client->ReadToEnd();
  ASSERT_TRUE(got);
  EXPECT_LT(got->size(), kLarge);
}

TEST_F(HardeningTest, WhoeverWaitsTooLongForAWorkerIsTold) {
  options_.workers = 1;
  options_.queue_timeout = milliseconds(300);
  Start();
  const auto first = Ask("/wait");
  EXPECT_TRUE(support::WaitUntil([&] { return waiting_ == 1; }));
  const auto second = Ask("/metrics");
  EXPECT_EQ(second->ReadAnswer().status, 503);
  release_.release();
  EXPECT_EQ(first->ReadAnswer().body, "waited");
  ExpectScrape();
}

TEST_F(HardeningTest, ClientsThatVanishLeaveNothing) {
  Start();
  const std::size_t threads = Threads();
  const std::size_t sockets = Sockets();
  for (int i = 0; i < 40; ++i) {
    const auto client = Ask("/large", 4096);
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(client->descriptor(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  }
  ExpectScrape();
  EXPECT_EQ(Threads(), threads);
  EXPECT_TRUE(support::WaitUntil([&] { return Sockets() == sockets; }));
}

// The limit of open files is reached: who waits longest makes room, and the log says so once a minute.
TEST_F(HardeningTest, WithoutADescriptorLeftOneWhoWaitsGivesWayAndTheLogSaysIt) {
  options_.max_connections = 2;
  Start();
  ::testing::internal::CaptureStderr();
  std::size_t open = Sockets();
  const auto settled = [&] { return support::WaitUntil([&] { return Sockets() == open; }); };
  // One is cut for another reason first: a sanitizer that meets a type for the first time needs descriptors.
  std::vector<std::unique_ptr<Client>> waiting;
  for (const int more : {2, 2, 1}) {  // both ends are in this process
    waiting.push_back(Send(""));
    open += static_cast<std::size_t>(more);
    EXPECT_TRUE(settled());
  }
  EXPECT_EQ(waiting[0]->ReadToEnd(), "");
  waiting.erase(waiting.begin());
  --open;
  rlimit usual{};
  getrlimit(RLIMIT_NOFILE, &usual);
  for (const auto& cut : waiting) {
    // The last descriptor is the new client's own: there is none for the other end.
    const int last = dup(STDIN_FILENO);
    close(last);
    const rlimit low{.rlim_cur = static_cast<rlim_t>(last) + 1, .rlim_max = usual.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    const auto client = Send("");
    EXPECT_EQ(cut->ReadToEnd(), "");
    setrlimit(RLIMIT_NOFILE, &usual);
    client->Send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(client->ReadAnswer().body, "page");
    EXPECT_TRUE(settled()) << "this client's descriptor is there in place of the other end of the one that was cut";
    --open;
  }
  server_->Stop();
  const std::string log = ::testing::internal::GetCapturedStderr();
  const std::string message = "connections cannot be accepted";
  EXPECT_THAT(log, HasSubstr("level=warn msg=\"" + message + "\" error=\"Too many open files\" times=1"));
  EXPECT_EQ(log.find(message), log.rfind(message)) << log;
}

TEST_F(HardeningTest, GarbageIsRefused) {
  Start();
  std::mt19937 random(20260101);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same garbage each time
  std::uniform_int_distribution<int> byte(0, 255);
  for (int i = 0; i < 100; ++i) {
    std::string bytes = i % 2 == 0 ? "" : "GET /metrics HTTP/1.1\r\n";
    for (int j = 0; j < 500; ++j) bytes += static_cast<char>(byte(random));
    const auto client = Send(bytes + "\r\n\r\n");
    EXPECT_EQ(client->ReadAnswer().status, 400) << i;
  }
  EXPECT_EQ(Send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11))->ReadAnswer().status, 400);
  EXPECT_EQ(Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")->ReadAnswer().status, 505);
  ExpectScrape();
}

TEST_F(HardeningTest, WhatIsTooLargeIsToldSo) {
  Start();
  const std::string start = "GET /metrics HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(Send(start + "X: " + std::string(300'000, 'x') + "\r\n\r\n")->ReadAnswer().status, 431);
  EXPECT_EQ(Send(start + "Content-Length: 100000000\r\n\r\n" + std::string(200'000, 'x'))->ReadAnswer().status, 413);
  EXPECT_EQ(Send("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n")->ReadAnswer().status, 431);
  // As long as it may be.
  const std::string path(8000, 'a');
  EXPECT_EQ(Ask("/" + path)->ReadAnswer().status, 404);
  EXPECT_EQ(Get(address_, "/metrics", "X: " + std::string(15'000, 'x') + "\r\n").body, "page");
}

TEST_F(HardeningTest, AFloodOfPipelinedRequestsIsAnsweredInOrder) {
  Start();
  std::string requests;
  for (int i = 0; i < 300; ++i)
    requests += i % 3 == 0 ? "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" : "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  const auto client = Send(requests);
  ExpectScrape();
  for (int i = 0; i < 300; ++i) EXPECT_EQ(client->ReadAnswer().status, i % 3 == 0 ? 404 : 200) << i;
}

// The directory redirect of CivetWeb up to 1.16 (CVE-2025-55763) is reached by a path that is a directory below the
// document root, with a query or header long enough; the others ask for files in every spelling.
TEST_F(HardeningTest, NoRequestReachesAFile) {
  Start();
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "../";
  std::string dirs;
  for (int i = 0; i < 3000; ++i) dirs += "/a";
  const std::vector<std::string> targets = {"/etc",
                                            "/etc/",
                                            "/etc?" + std::string(12'000, 'q'),
                                            "/tmp",
                                            "/" + std::string(12'000, 'd'),
                                            dirs,
                                            "/" + deep + "etc/passwd",
                                            "/..%2f..%2f..%2fetc%2fpasswd",
                                            "/%2e%2e/%2e%2e/etc/passwd",
                                            "/.%2e/etc/passwd",
                                            "/..\\..\\etc\\passwd",
                                            "/..%5cetc%5cpasswd",
                                            "//etc/passwd",
                                            "/./etc/passwd",
                                            "/metrics/../../etc/passwd",
                                            "/metrics/..;/etc/passwd",
                                            "/%c0%ae%c0%ae/etc/passwd",
                                            "/etc/passwd%20",
                                            "/proc/self/environ",
                                            "/index.html",
                                            "/x.cgi",
                                            "/x.pl",
                                            "/x.shtml",
                                            "/x.lua",
                                            "/CMakeLists.txt",
                                            "/.htpasswd"};
  for (const auto& target : targets) {
    for (const std::string& method : {"GET", "HEAD", "PUT", "DELETE"}) {
      Client client(address_);
      client.Send(method + " " + target + " HTTP/1.1\r\nHost: " + std::string(2000, 'h') + "\r\n\r\n");
      const Answer answer = client.ReadAnswer(method == "HEAD");
      EXPECT_THAT(answer.status, AnyOf(404, 400)) << method << " " << target.substr(0, 40);
      EXPECT_FALSE(answer.headers.contains("location"));
      EXPECT_THAT(answer.body, Not(HasSubstr("root:")));
    }
  }
  ExpectScrape();
}

TEST_F(HardeningTest, StopsWhileClientsPress) {
  Start();
  std::atomic<bool> over{false};
  std::vector<std::thread> pressing;
  for (int i = 0; i < 3; ++i) {
    pressing.emplace_back([&, i] {
      while (!over) {
        const Client silent(address_);
        Get(address_, i == 0 ? "/large" : "/metrics");
      }
    });
  }
  for (int i = 0; i < 20; ++i) ExpectScrape();
  server_->Stop();
  over = true;
  for (auto& thread : pressing) thread.join();
}

}  // namespace
}  // namespace pgtls::front
