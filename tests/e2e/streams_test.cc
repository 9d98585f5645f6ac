// Standard streams that are of no use: a pipe that nobody reads, a descriptor that is closed.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "tests/e2e/exporter.h"
#include "tests/support/http_client.h"

namespace pgtls::e2e {
namespace {

using support::TempDir;

// Standard error becomes a full pipe whose other end this very process has, and never reads.
constexpr const char* kFullPipe = R"(
import fcntl, os, sys
reader, writer = os.pipe()
fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
os.write(writer, b'x' * 4096)
os.set_inheritable(reader, True)
os.dup2(writer, 2)
os.execv(sys.argv[1], sys.argv[1:])
)";

bool Serves(int port) {
  try {
    return support::HttpRequest(port, "/-/ready").status == 200;
  } catch (const std::exception&) {
    return false;  // it does not listen yet
  }
}

TEST(Streams, AStandardErrorThatNobodyReadsStopsNeitherSamplingNorTheEnd) {
  const TempDir dir;
  const std::string file = dir.Write("config.yml", Config({{"a", "host=127.0.0.1 port=1"}}));
  for (const int signal : {SIGTERM, SIGINT}) {
    const int port = support::FreePort();
    support::Process exporter({"python3", "-c", kFullPipe, PGTLS_EXPORTER, "--config.file=" + file, "--log.level=debug",
                               "--web.listen-address=127.0.0.1:" + std::to_string(port)},
                              {.environment = Environment()});
    ASSERT_TRUE(support::WaitUntil([&] { return Serves(port); }));
    // Each turn of the configuration is logged, and so is what follows: more than the pipe and every buffer hold.
    const auto collected = [&](const std::string& name) {
      return HasLine(support::HttpGet(port, "/metrics"), "pg_tls_up{server=\"" + name + "\"} 0");
    };
    for (const char* name : {"b", "c", "d"}) {
      support::WriteFile(file, Config({{name, "host=127.0.0.1 port=1"}}));
      exporter.Signal(SIGHUP);
      EXPECT_TRUE(support::WaitUntil([&] { return collected(name); })) << name;
    }
    exporter.Signal(signal);
    EXPECT_EQ(exporter.Wait(), 0);
  }
}

TEST(Streams, TheLastLinesAreWritten) {
  Exporter exporter({"--dsn=host=127.0.0.1 port=1"});
  exporter.process().Signal(SIGTERM);
  EXPECT_EQ(exporter.process().Wait(), 0);
  EXPECT_TRUE(exporter.WaitForLog("msg=\"stopping\" signal=SIGTERM\n")) << exporter.Log();
}

TEST(Streams, AClosedOneIsNoOtherFile) {
  const int port = support::FreePort();
  support::Process exporter({"bash", "-c", "exec \"$0\" \"$@\" <&- >&- 2>&-", PGTLS_EXPORTER,
                             "--dsn=host=127.0.0.1 port=1", "--web.listen-address=127.0.0.1:" + std::to_string(port)},
                            {.environment = Environment()});
  ASSERT_TRUE(support::WaitUntil([&] { return Serves(port); }));
  for (const char* descriptor : {"0", "1", "2"}) {
    const std::string link = "/proc/" + std::to_string(exporter.pid()) + "/fd/" + descriptor;
    EXPECT_EQ(std::filesystem::read_symlink(link), "/dev/null") << descriptor;
  }
  exporter.Signal(SIGTERM);
  EXPECT_EQ(exporter.Wait(), 0);
}

}  // namespace
}  // namespace pgtls::e2e
