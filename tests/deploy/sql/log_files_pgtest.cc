// log_records(): which files it opens, and what it answers about a file that it cannot follow.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "tests/deploy/sql/log_records.h"

namespace pgtls {
namespace {

using support::Client;

constexpr const char* kRecord = "2026-01-01 00:00:00.000 UTC [1] LOG:  connection received: host=h port=1\n";
constexpr const char* kTime = "2026-01-01 00:00:00.000 UTC [1] LOG:  \n";

class LogFilesTest : public testing::Test {
 protected:
  LogServer log_;
};

TEST_F(LogFilesTest, OnlyEntriesOfTheLogDirectoryAreRead) {
  log_.server().WriteDataFile("outside.log", kRecord);
  std::filesystem::create_directory(log_.Path("folder.log"));
  log_.Write("folder.log/inside.log", kRecord);
  log_.Write(".hidden.log", kRecord);
  log_.Write("ok.log", kRecord);
  Client exporter(log_.Conninfo());
  for (const std::string& name : {std::string("../outside.log"),
                                  std::string("../log/ok.log"),
                                  std::string("./ok.log"),
                                  std::string("/ok.log"),
                                  log_.Path("ok.log"),
                                  log_.server().data_dir() + "/outside.log",
                                  std::string("folder.log"),
                                  std::string("folder.log/inside.log"),
                                  std::string(".hidden.log"),
                                  std::string("ok.log/"),
                                  std::string("OK.LOG"),
                                  std::string("ok.log "),
                                  std::string("ok"),
                                  std::string("%"),
                                  std::string("ok.lo_"),
                                  std::string(""),
                                  std::string("."),
                                  std::string(".."),
                                  std::string("../PG_VERSION"),
                                  std::string("/etc/passwd"),
                                  std::string("no such file")}) {
    EXPECT_EQ(log_.Read(exporter, name).problem, "no_such_file") << name;
  }
  EXPECT_EQ(exporter.Value("SELECT problem FROM tls_exporter.log_records(NULL, NULL, NULL, NULL, NULL)"),
            "no_such_file");
  EXPECT_EQ(log_.Read(exporter, "ok.log").records, std::string(kRecord) + kTime);
}

// Reading a FIFO would block the session, and take a record from its reader.
TEST_F(LogFilesTest, AFifoOrSocketIsNotOpened) {
  const std::string fifo = log_.Path("fifo.log");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0666), 0);
  ASSERT_EQ(chmod(fifo.c_str(), 0666), 0);
  std::filesystem::create_symlink("fifo.log", log_.Path("link.log"));
  const int pipe = open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(pipe, 0);
  const std::string record = kRecord;
  ASSERT_EQ(write(pipe, record.data(), record.size()), static_cast<ssize_t>(record.size()));
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  log_.Path("socket.log").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);

  Client exporter(log_.Conninfo());
  for (const char* name : {"fifo.log", "link.log", "socket.log"}) {
    EXPECT_EQ(log_.Read(exporter, name).problem, "no_such_file") << name;
  }
  std::string left(2 * record.size(), '\0');
  const ssize_t size = read(pipe, left.data(), left.size());
  left.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  EXPECT_EQ(left, record);
  close(pipe);
  // Without a reader or writer, opening it would block for ever.
  exporter.Query("SET statement_timeout = '20s'");
  EXPECT_EQ(log_.Read(exporter, "fifo.log").problem, "no_such_file");
  close(socket_fd);
}

// A symbolic link to a regular file is a log file; of its target, too, only connection records are returned.
TEST_F(LogFilesTest, ALinkReturnsConnectionRecordsOnly) {
  log_.server().WriteDataFile("outside", std::string("hunter2\n") + kRecord + "hunter2\n");
  std::filesystem::create_symlink("../outside", log_.Path("link.log"));
  EXPECT_EQ(log_.Read("link.log").records, std::string(kRecord) + kTime);
}

TEST_F(LogFilesTest, AFileThatIsNoLongerTheSameIsReplaced) {
  Client exporter(log_.Conninfo());
  const std::string record = kRecord;
  log_.Write("x.log", record + record);
  const LogPiece piece = log_.Read(exporter, "x.log");
  const LogPosition position{piece.next, piece.next_state, piece.next_mark};
  EXPECT_EQ(position.start, 2 * record.size());
  EXPECT_EQ(log_.Read(exporter, "x.log", position).problem, "");
  EXPECT_EQ(log_.Read(exporter, "x.log", position).records, "");

  log_.Write("x.log", record + record + record);  // it grew
  EXPECT_EQ(log_.Read(exporter, "x.log", position).records, record + kTime);
  std::filesystem::rename(log_.Path("x.log"), log_.Path("x.log.1"));  // rotated: still the same file
  EXPECT_EQ(log_.Read(exporter, "x.log.1", position).records, record + kTime);
  EXPECT_EQ(log_.Read(exporter, "x.log", position).problem, "no_such_file");

  log_.Write("x.log", record);  // truncated
  EXPECT_EQ(log_.Read(exporter, "x.log", position).problem, "replaced");
  EXPECT_EQ(log_.Read(exporter, "x.log", {.start = position.start}).problem, "replaced");
  EXPECT_EQ(log_.Read(exporter, "x.log", {.start = 1'000'000'000'000}).problem, "replaced");
  std::string other = record + record + record;
  other[other.size() - record.size() - 2] = '2';  // as long as before, and one octet differs
  log_.Write("x.log", other);
  EXPECT_EQ(log_.Read(exporter, "x.log", position).problem, "replaced");
  EXPECT_EQ(log_.Read(exporter, "x.log", {.start = position.start}).problem, "");
  EXPECT_EQ(log_.Read(exporter, "x.log", {.start = position.start - 1}).problem, "replaced");  // no line begins there
  EXPECT_EQ(exporter.Value("SELECT problem FROM tls_exporter.log_records('x.log', -1, 1024, 0::smallint, NULL)"),
            "replaced");
}

// Near the beginning a mark covers fewer than 64 octets.
TEST_F(LogFilesTest, AMarkNearTheBeginningOfAFileIsChecked) {
  Client exporter(log_.Conninfo());
  log_.Write("x.log", "LOG:  a\n");
  const LogPiece piece = log_.Read(exporter, "x.log");
  EXPECT_EQ(piece.next, 8);
  EXPECT_EQ(log_.Read(exporter, "x.log", {.start = 8, .mark = piece.next_mark}).problem, "");
  log_.Write("x.log", "LOG:  b\n");
  EXPECT_EQ(log_.Read(exporter, "x.log", {.start = 8, .mark = piece.next_mark}).problem, "replaced");
  log_.Write("empty.log", "");
  const LogPiece empty = log_.Read(exporter, "empty.log");
  EXPECT_EQ(empty.problem, "");
  EXPECT_EQ(empty.next, 0);
  EXPECT_TRUE(empty.at_end);
  log_.Write("empty.log", "LOG:  b\n");
  EXPECT_EQ(log_.Read(exporter, "empty.log", {.mark = empty.next_mark}).problem, "");
}

TEST_F(LogFilesTest, AFileThatTheServerMayNotReadIsUnreadable) {
  log_.Write("x.log", kRecord, 0000);
  EXPECT_EQ(log_.Read("x.log").problem, "unreadable");
}

TEST_F(LogFilesTest, WithoutALogDirectoryThereIsNoFile) {
  log_.Write("x.log", kRecord);
  std::filesystem::rename(log_.server().data_dir() + "/log", log_.server().data_dir() + "/elsewhere");
  EXPECT_EQ(log_.Read("x.log").problem, "no_such_file");
}

TEST_F(LogFilesTest, TheDirectoryMayBeAnywhere) {
  const support::TempDir dir;
  const std::filesystem::path logs = dir.path() + "/logs";
  std::filesystem::create_directory(logs);
  std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
  std::filesystem::permissions(logs, std::filesystem::perms::all);
  support::WriteFile(logs / "x.log", kRecord, 0644);
  const LogServer server({.settings = {"log_directory = '" + logs.string() + "'"}});
  EXPECT_EQ(server.Read("x.log").records, std::string(kRecord) + kTime);
}

// Sizes outside 1 kB to 16 MB are changed to these.
TEST_F(LogFilesTest, TheSizeIsLimited) {
  Client exporter(log_.Conninfo());
  std::string content;
  while (content.size() < 3000) content += kRecord;
  log_.Write("x.log", content);
  for (const int size : {-1, 0, 1, 1023, 1024}) {
    const LogPiece piece = log_.Read(exporter, "x.log", {}, size);
    EXPECT_GT(piece.next, 1024 - 2 * std::string(kRecord).size()) << size;
    EXPECT_LE(piece.next, 1024) << size;
    EXPECT_FALSE(piece.at_end) << size;
  }
  EXPECT_EQ(log_.Read(exporter, "x.log", {}, 2'000'000'000).next, content.size());
}

}  // namespace
}  // namespace pgtls
