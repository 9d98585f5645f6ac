#include "exporter/routes/probe_handler.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <semaphore>
#include <thread>

#include "exporter/exposition/self_metrics.h"
#include "exporter/sampling/health.h"
#include "tests/exporter/sampling/fakes.h"

namespace pgtls::routes {
namespace {

using sampling::Context;
using sampling::Output;
using sampling::testing::g_fakes;
using sampling::testing::kCertificates;
using sampling::testing::kEndpoint;
using sampling::testing::kSessions;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

// What a packet would reach: it shows whether anybody connected.
class Listener {
 public:
  Listener() : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (bind(descriptor_, any, size) != 0 || listen(descriptor_, 8) != 0 || getsockname(descriptor_, any, &size) != 0) {
      ADD_FAILURE() << "no listener";
    }
    port_ = std::to_string(ntohs(address.sin_port));
  }
  ~Listener() { close(descriptor_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const std::string& port() const { return port_; }
  bool WasConnectedTo() const {
    pollfd wait{descriptor_, POLLIN, 0};
    return poll(&wait, 1, 0) == 1;
  }

 private:
  int descriptor_;
  std::string port_;
};

// The handler on the test's threads, the loop on one of its own, as in the program.
class ProbeHandlerTest : public sampling::testing::SamplingTest {
 protected:
  ProbeHandlerTest()
      : SamplingTest({&sampling::testing::kSessionsType, &sampling::testing::kEndpointType,
                      &sampling::testing::kCertificatesType}) {
    config::Config config;
    for (const auto* type : types_) config.collectors.emplace(type->name, type->schema.Defaults());
    for (auto& [name, settings] : config.collectors) settings.timeout = std::chrono::hours(1);
    const auto allowed = config::AllowedTarget{Cidr::Parse("127.0.0.0/8"), "", std::nullopt};
    const auto elsewhere = config::AllowedTarget{Cidr::Parse("198.51.100.0/24"), "", std::nullopt};
    config.modules = {{"wire", "user=probe dbname=postgres", "", {"endpoint"}, {allowed}},
                      {"sql", "user=probe dbname=postgres", "", {"sessions"}, {allowed}},
                      {"both", "user=probe dbname=postgres", "", {"sessions", "endpoint"}, {allowed}},
                      {"elsewhere", "user=probe dbname=postgres", "", {"sessions"}, {elsewhere}}};
    config_ = std::make_shared<const config::Config>(std::move(config));
  }

  void TearDown() override {
    StopLoop();
    SamplingTest::TearDown();
  }
  void StopLoop() {
    work_.reset();
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }

  http::Handler MakeHandler(int concurrency = 8) {
    std::vector<const metrics::Desc*> catalogue = {&sampling::testing::kRuns};
    for (const auto* desc : sampling::HealthDescs()) catalogue.push_back(desc);
    for (const auto* desc : exposition::ExporterDescs()) catalogue.push_back(desc);
    ProbeSource source{std::make_shared<metrics::FamilyOrder>(catalogue), [this] { return config_; }, runtime_,
                       concurrency, stopping_};
    if (addresses_) source.addresses = addresses_;
    return ProbeHandler(std::move(source));
  }
  http::Response Get(const std::string& query, const std::string& timeout = "") {
    return Get(handler_, query, timeout);
  }
  static http::Response Get(const http::Handler& handler, const std::string& query, const std::string& timeout = "") {
    http::Request request;
    request.method = "GET";
    request.path = "/probe";
    request.query = http::ParseQuery(query);
    if (!timeout.empty()) request.headers.emplace_back("x-prometheus-scrape-timeout-seconds", timeout);
    return handler(request);
  }
  static std::string Text(const http::Response& response) { return response.body.Text(); }
  static int Instances() {
    int instances = 0;
    for (const auto& fake : g_fakes) instances += fake.instances;
    return instances;
  }

  std::shared_ptr<const config::Config> config_;
  std::atomic<bool> stopping_{false};
  decltype(ProbeSource::addresses) addresses_;  // of the handlers made from now on; none: the real one
  http::Handler handler_ = MakeHandler();
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{asio::make_work_guard(loop_)};
  std::thread thread_{[this] { loop_.run(); }};
};

TEST_F(ProbeHandlerTest, IsThePageOfTheTargetByTheModulesCollectors) {
  const http::Response response = Get("target=127.0.0.9:6000&module=wire");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  const std::string page = Text(response);
  EXPECT_THAT(page, HasSubstr("\npg_tls_test_runs{server=\"127.0.0.9:6000\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\npg_tls_collector_success{server=\"127.0.0.9:6000\",collector=\"endpoint\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("certificates"))) << "not in the module";
  EXPECT_EQ(g_fakes[kCertificates].runs, 0);
}

// They would be there once for each target, and say nothing about it.
TEST_F(ProbeHandlerTest, TheExportersOwnMetricsAreAbsent) {
  const std::string page = Text(Get("target=127.0.0.1&module=wire"));
  for (const auto* desc : exposition::ExporterDescs()) EXPECT_THAT(page, Not(HasSubstr(desc->name)));
  EXPECT_THAT(page, Not(HasSubstr("process_")));
}

TEST_F(ProbeHandlerTest, EachProbeBeginsFromNothing) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Text(Get("target=127.0.0.1:1&module=wire")), HasSubstr("pg_tls_test_runs{server=\"127.0.0.1:1\"} 1\n"));
  }
}

TEST_F(ProbeHandlerTest, IsOffWithoutModules) {
  config_ = std::make_shared<const config::Config>();
  EXPECT_EQ(Get("target=127.0.0.1&module=wire").status, 404);
  EXPECT_EQ(Instances(), 0);
}

TEST_F(ProbeHandlerTest, OneTargetAndOneModuleThatExist) {
  for (const char* query :
       {"", "target=127.0.0.1", "module=wire", "target=127.0.0.1&target=127.0.0.2&module=wire",
        "target=127.0.0.1&module=wire&module=sql", "target=127.0.0.1&module=", "target=127.0.0.1&module=nope",
        "target=&module=wire", "target=/run/postgresql&module=wire", "target=127.0.0.1+sslmode%3Ddisable&module=wire",
        "target=127.0.0.1,127.0.0.2&module=wire"}) {
    EXPECT_EQ(Get(query).status, 400) << query;
  }
  EXPECT_EQ(Text(Get("target=127.0.0.1&module=a%0Ab")), "no module named 'a\\x0ab'\n");
  EXPECT_EQ(Instances(), 0);
}

TEST_F(ProbeHandlerTest, NoPacketGoesToATargetThatIsNotAllowed) {
  const Listener listener;
  // An address, and a name whose addresses are none that is allowed.
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    const http::Response response = Get("target=" + host + ":" + listener.port() + "&module=elsewhere");
    EXPECT_EQ(response.status, 403) << host;
    EXPECT_EQ(Text(response), "the module does not allow this target\n");
  }
  EXPECT_EQ(Instances(), 0);
  EXPECT_FALSE(listener.WasConnectedTo());

  // One that is allowed would have been connected to. It says nothing, which the series tell.
  const http::Response response = Get("target=127.0.0.1:" + listener.port() + "&module=sql", "0.2");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(Text(response), HasSubstr("pg_tls_up{server=\"127.0.0.1:" + listener.port() + "\"} 0\n"));
  EXPECT_TRUE(listener.WasConnectedTo());
}

// The collectors' deadline: the time that Prometheus gives less half a second, so that the answer comes before it gives
// up.
TEST_F(ProbeHandlerTest, TheTimeIsTheScrapesLessAnOffset) {
  struct {
    const char* header;
    milliseconds want;
  } const cases[] = {
      {"5", milliseconds(4'500)},     {"60.25", milliseconds(59'750)}, {"0.8", milliseconds(400)},
      {"1e9", milliseconds(119'500)}, {"inf", milliseconds(119'500)},  {"", milliseconds(9'500)},
      {"0", milliseconds(9'500)},     {"-3", milliseconds(9'500)},     {"nan", milliseconds(9'500)},
      {"5s", milliseconds(9'500)},
  };
  for (const auto& [header, want] : cases) {
    Deadline deadline;
    g_fakes[kEndpoint].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
      deadline = context.deadline;
      co_return;
    };
    const Deadline before = std::chrono::steady_clock::now();
    ASSERT_EQ(Get("target=127.0.0.1&module=wire", header).status, 200);
    EXPECT_GE(deadline, before + want - milliseconds(2)) << header << ": rounding";
    EXPECT_LE(deadline, std::chrono::steady_clock::now() + want) << header;
  }
}

TEST_F(ProbeHandlerTest, ACollectorsOwnTimeoutStaysWhereItIsShorter) {
  config::Config config = *config_;
  config.collectors["endpoint"].timeout = seconds(2);
  config_ = std::make_shared<const config::Config>(std::move(config));
  Deadline deadline;
  g_fakes[kEndpoint].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    deadline = context.deadline;
    co_return;
  };
  ASSERT_EQ(Get("target=127.0.0.1&module=wire", "60").status, 200);
  EXPECT_LE(deadline, std::chrono::steady_clock::now() + seconds(2));
}

TEST_F(ProbeHandlerTest, ATargetThatHangsIsAnAnswerInTime) {
  g_fakes[kEndpoint].collect = [](Context& /*context*/, Output& /*output*/) -> asio::awaitable<void> {
    asio::steady_timer never(co_await asio::this_coro::executor, Deadline::max());
    co_await never.async_wait(asio::use_awaitable);
  };
  const http::Response response = Get("target=127.0.0.1:1&module=wire", "0.05");
  EXPECT_EQ(response.status, 200);
  const std::string page = Text(response);
  EXPECT_THAT(page, HasSubstr("pg_tls_collector_success{server=\"127.0.0.1:1\",collector=\"endpoint\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("collector=\"endpoint\",reason=\"timeout\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_test_runs{")));
}

// Listens, and says nothing: what needs no login is looked at all the same.
TEST_F(ProbeHandlerTest, ALoginThatHangsLeavesTimeForTheWire) {
  const Listener listener;
  const std::string target = "127.0.0.1:" + listener.port();
  const std::string page = Text(Get("target=" + target + "&module=both", "2"));
  EXPECT_THAT(page, HasSubstr("pg_tls_up{server=\"" + target + "\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_collector_success{server=\"" + target + "\",collector=\"sessions\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_collector_success{server=\"" + target + "\",collector=\"endpoint\"} 1\n"));
}

TEST_F(ProbeHandlerTest, BeyondTheBoundItIsBusyAndThenAgainNot) {
  std::counting_semaphore<8> begun(0);
  asio::steady_timer gate(loop_, Deadline::max());
  g_fakes[kEndpoint].collect = [&](Context& /*context*/, Output& /*output*/) -> asio::awaitable<void> {
    begun.release();
    asio::error_code opened;
    co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, opened));
  };
  const http::Handler handler = MakeHandler(2);
  const auto probe = [&] { return Get(handler, "target=127.0.0.1&module=wire", "100").status; };
  auto first = std::async(std::launch::async, probe);
  auto second = std::async(std::launch::async, probe);
  begun.acquire();
  begun.acquire();

  const http::Response busy = Get(handler, "target=127.0.0.1&module=wire");
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(Text(busy), "too many probes at once\n");

  asio::post(loop_, [&] { gate.expires_at(Deadline::min()); });
  EXPECT_EQ(first.get(), 200);
  EXPECT_EQ(second.get(), 200);
  // Neither the probes that are over nor the one that was turned away hold a place; nor does one that is refused.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Get(handler, "target=127.0.0.1&module=nope").status, 400);
  auto third = std::async(std::launch::async, probe);
  auto fourth = std::async(std::launch::async, probe);
  EXPECT_EQ(third.get(), 200);
  EXPECT_EQ(fourth.get(), 200);
}

TEST_F(ProbeHandlerTest, EveryAllowedAddressOfANameIsTried) {
  addresses_ = [](const auto& /*allowed*/, const ProbeTarget& target) {
    return target.host == "db1" ? std::vector<std::string>{"127.0.0.8", "127.0.0.9"} : std::vector<std::string>();
  };
  std::map<std::string, std::string, std::less<>> options;
  g_fakes[kEndpoint].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    options = context.target.options;
    co_return;
  };
  EXPECT_EQ(Get(MakeHandler(), "target=db1:6432&module=wire").status, 200);
  EXPECT_EQ(options["host"], "db1,db1");
  EXPECT_EQ(options["hostaddr"], "127.0.0.8,127.0.0.9");
  EXPECT_EQ(options["port"], "6432,6432");
  EXPECT_EQ(Get(MakeHandler(), "target=db2&module=wire").status, 403);
}

// A name server that says nothing.
class SilentNames {
 public:
  std::vector<std::string> Ask() {
    asked_.release();
    over_.acquire();
    over_.release();
    return {"127.0.0.1"};
  }
  void WaitUntilAsked() { asked_.acquire(); }
  void Release() { over_.release(); }

 private:
  std::counting_semaphore<> asked_{0};
  std::counting_semaphore<> over_{0};
};

TEST_F(ProbeHandlerTest, ANameThatHangsIsAnAnswerInTime) {
  const auto names = std::make_shared<SilentNames>();
  addresses_ = [names](const auto& /*allowed*/, const ProbeTarget& /*target*/) { return names->Ask(); };
  const http::Response response = Get(MakeHandler(), "target=db1&module=sql", "0.05");
  EXPECT_EQ(response.status, 200);
  const std::string page = Text(response);
  EXPECT_THAT(page, HasSubstr("pg_tls_up{server=\"db1\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_collector_success{server=\"db1\",collector=\"sessions\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("collector=\"sessions\",reason=\"timeout\"} 1\n"));
  EXPECT_EQ(g_fakes[kSessions].runs, 0);
  names->Release();
}

TEST_F(ProbeHandlerTest, ANameThatHangsDoesNotHoldUpTheEnd) {
  const auto names = std::make_shared<SilentNames>();
  addresses_ = [names](const auto& /*allowed*/, const ProbeTarget& /*target*/) { return names->Ask(); };
  const http::Handler handler = MakeHandler();
  auto probe = std::async(std::launch::async, [&] { return Get(handler, "target=db1&module=wire", "100").status; });
  names->WaitUntilAsked();
  StopLoop();
  stopping_ = true;
  EXPECT_EQ(probe.get(), 503);
  names->Release();
}

TEST_F(ProbeHandlerTest, EndsWithTheProgram) {
  StopLoop();
  stopping_ = true;
  EXPECT_EQ(Get("target=127.0.0.1&module=wire").status, 503);
}

}  // namespace
}  // namespace pgtls::routes
