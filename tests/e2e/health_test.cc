// What an orchestrator asks, and what it sees when the program cannot start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "tests/e2e/exporter.h"
#include "tests/support/http_client.h"

namespace pgtls::e2e {
namespace {

using support::TempDir;
using testing::AnyOf;
using testing::Eq;
using testing::StartsWith;

constexpr const char* kDead = "host=127.0.0.1 port=1";

// A server that a reload adds is tried for the first time while a thousand others are served.
TEST(Health, ReadyStaysReadyWhenAServerIsAdded) {
  const TempDir dir;
  const std::string file = dir.Write("config.yml", Config({{"first", kDead}}));
  const Exporter exporter({"--config.file=" + file, "--web.enable-lifecycle"});
  exporter.WaitUntilReady();
  // It takes the connection and never answers.
  const int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(silent, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(silent, 8), 0);
  ASSERT_EQ(getsockname(silent, reinterpret_cast<sockaddr*>(&address), &size), 0);
  support::WriteFile(file,
                     "collectors: {sessions: {timeout: 1h, interval: 1h}}\nservers:\n"
                     "  - {name: second, conninfo: host=127.0.0.1 port=" +
                         std::to_string(ntohs(address.sin_port)) + "}\n");
  ASSERT_EQ(support::HttpRequest(exporter.port(), "/-/reload", "POST", "Content-Length: 0\r\n").status, 200);
  EXPECT_EQ(support::HttpRequest(exporter.port(), "/-/ready").status, 200);
  EXPECT_EQ(support::HttpRequest(exporter.port(), "/-/healthy").status, 200);
  EXPECT_FALSE(HasLine(exporter.Page(), "pg_tls_up{server=\"second\"} 0")) << "it was tried: the test shows nothing";
  close(silent);
}

// Opening libpq's service file hangs, as it does on a dead network file system: sampling goes on meanwhile, and so does
// the end.
TEST(Health, AReloadThatHangsOnAFileStopsNothing) {
  const TempDir dir;
  const std::string services = dir.Write("services", "[one]\nhost=127.0.0.1\nport=1\n");
  const std::string file = dir.Write("config.yml", Config({{"a", "service=one"}}));
  Exporter exporter({"--config.file=" + file}, {{"PGSERVICEFILE", services}});
  exporter.WaitForLine("pg_tls_up{server=\"a\"} 0");
  ASSERT_EQ(std::remove(services.c_str()), 0);
  ASSERT_EQ(mkfifo(services.c_str(), 0600), 0);
  exporter.process().Signal(SIGHUP);
  // The collections of the endpoint fail and are tried again and again: their count of runs is the time of the last.
  const std::string time = "pg_tls_collector_duration_seconds{server=\"a\",collector=\"endpoint\"} ";
  const auto value = [&](const std::string& page) {
    const std::size_t at = page.find(time);
    return at == std::string::npos ? "" : page.substr(at, page.find('\n', at) - at);
  };
  const std::string before = value(exporter.Page());
  exporter.WaitForPage([&](const std::string& page) { return value(page) != before; });
  EXPECT_EQ(support::HttpRequest(exporter.port(), "/-/healthy").status, 200);
  exporter.process().Signal(SIGTERM);
  EXPECT_EQ(exporter.process().Wait(), 0) << exporter.Log();
}

// Whatever is missing at the start, the program says so in one line: no abort, no core.
TEST(Health, AStartThatFailsIsOneLine) {
  for (const int files : {16, 63}) {
    const auto result = support::RunProcess(
        {"prlimit", "--nofile=" + std::to_string(files) + ":" + std::to_string(files), PGTLS_EXPORTER,
         "--dsn=" + std::string(kDead), "--web.listen-address=127.0.0.1:0", "--log.level=error"},
        {.environment = Environment()});
    EXPECT_THAT(result.exit_code, AnyOf(Eq(1), Eq(2))) << files << ": " << result.err;
    EXPECT_THAT(result.err, StartsWith("pg_tls_exporter: at most " + std::to_string(files) + " files")) << files;
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
  }
}

}  // namespace
}  // namespace pgtls::e2e
