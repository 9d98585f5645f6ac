#include "exporter/pgbouncer/all_clients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio.hpp>
#include <set>

#include "tests/exporter/pgbouncer/fake_console.h"

namespace pgtls::pgbouncer {
namespace {

using sampling::IncompletePart;
using ::testing::ElementsAre;
using testing::FakeConsole;
using ::testing::IsEmpty;
using testing::Row;
using ::testing::UnorderedElementsAre;

// The session of the exporter on a process: each list of this process has it.
Row OwnOf(const std::string& id) {
  return {.user = "tls_exporter",
          .database = "pgbouncer",
          .addr = "unix",
          .port = "6432",
          .application_name = "pg_tls_exporter",
          .id = id};
}

class AllClientsTest : public ::testing::Test {
 protected:
  struct Listed {
    std::string entry;
    FakeConsole* console;
    std::int64_t peer_id;
  };
  // Each console names `peers`. The conninfo's own leads to `own`.
  AllClients Read(const std::vector<Listed>& listed, Listed own, const std::vector<std::int64_t>& peers = {1, 2}) {
    Consoles consoles;
    for (const Listed& one : listed) consoles.reached.push_back(ConsoleOf(one, peers));
    own.entry = "";
    consoles.reached.push_back(ConsoleOf(own, peers));
    consoles.unreachable = unreachable_;
    asio::io_context loop;
    auto future = asio::co_spawn(loop, reader_.Read(std::move(consoles), true, own_, "tls_exporter"), asio::use_future);
    loop.run();
    return future.get();
  }
  static Console ConsoleOf(const Listed& one, const std::vector<std::int64_t>& peers) {
    return {.entry = one.entry,
            .session = one.console,
            .deadline = Deadline::max(),
            .introduction = {.so_reuseport = true, .peer_id = one.peer_id, .peers = peers}};
  }
  static std::vector<std::string> Users(const AllClients& all) {
    std::vector<std::string> users;
    for (int row = 0; row < all.snapshot->size(); ++row) users.emplace_back(all.snapshot->At(row)->user);
    return users;
  }
  static std::vector<std::string> Reasons(const AllClients& all) {
    std::vector<std::string> reasons;
    for (const IncompletePart& part : all.missing) reasons.push_back(part.reason);
    return reasons;
  }
  // The numbers of the processes that have these clients, in the order of the rows.
  static std::vector<std::int64_t> Numbers(const AllClients& all) {
    std::vector<std::int64_t> numbers;
    for (const auto& process : all.snapshot->processes()) numbers.push_back(process.postmaster_start_us);
    return numbers;
  }

  // Identifiers are those of each process alone: both have a client 7.
  void SetUp() override {
    first_.pid = 101;
    second_.pid = 102;
    first_.Show({OwnOf("100"), {.user = "a"}});
    second_.Show({OwnOf("200"), {.user = "b", .port = "40001"}});
  }

  FakeConsole first_, second_;
  std::vector<IncompletePart> unreachable_;
  sampling::OwnBackends own_;
  AllClientsReader reader_;
};

TEST_F(AllClientsTest, TheClientsOfAllProcessesAreThoseOfOneServer) {
  const AllClients all = Read({{"1", &first_, 1}, {"2", &second_, 2}}, {"", &second_, 2});
  EXPECT_THAT(Users(all), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(all.missing, IsEmpty());
  const auto processes = all.snapshot->processes();
  ASSERT_EQ(processes.size(), 2U);
  EXPECT_NE(processes[0].postmaster_start_us, processes[1].postmaster_start_us);
  EXPECT_EQ(processes[0].rows, 1);
  EXPECT_EQ(processes[1].rows, 1);
}

TEST_F(AllClientsTest, TheConninfoMayLeadToAProcessOfItsOwn) {
  const AllClients all = Read({{"1", &first_, 1}}, {"", &second_, 2});
  EXPECT_THAT(Users(all), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(all.missing, IsEmpty());
}

TEST_F(AllClientsTest, AProcessThatFailsHidesNoOther) {
  second_.fails = true;
  const AllClients all = Read({{"1", &first_, 1}, {"port=2", &second_, 2}}, {"", &first_, 1});
  EXPECT_THAT(Users(all), ElementsAre("a"));
  EXPECT_THAT(Reasons(all), ElementsAre("unreachable"));
  EXPECT_EQ(all.missing.at(0).part, "processes");
  EXPECT_EQ(all.missing.at(0).detail, "port=2: it is gone");
}

TEST_F(AllClientsTest, TheConninfosConsoleMustAnswer) {
  second_.fails = true;
  EXPECT_THROW(Read({{"1", &first_, 1}}, {"", &second_, 2}), Error);
}

TEST_F(AllClientsTest, AProcessThatWasNotReachedIsNotOneThatIsNotListed) {
  unreachable_ = {{"processes", "unreachable", "2"}};
  EXPECT_THAT(Reasons(Read({{"1", &first_, 1}}, {"", &first_, 1})), ElementsAre("unreachable"));
  EXPECT_THAT(Reasons(Read({{"1", &first_, 1}}, {"", &first_, 1}, {1, 2, 3})),
              ElementsAre("unreachable", "not_listed"));
}

TEST_F(AllClientsTest, TellsThatAProcessIsNotListed) {
  const AllClients all = Read({{"1", &first_, 1}}, {"", &first_, 1}, {1, 2, 3});
  EXPECT_THAT(Reasons(all), ElementsAre("not_listed"));
  EXPECT_EQ(all.missing.at(0).detail, "peer_id 2, 3");
}

TEST_F(AllClientsTest, WithoutPeersNobodyKnowsHowManyThereAre) {
  EXPECT_THAT(Reasons(Read({{"1", &first_, 0}, {"2", &second_, 0}}, {"", &first_, 0}, {})), ElementsAre("no_peers"));
  EXPECT_THAT(Reasons(Read({{"1", &first_, 1}, {"2", &second_, 0}}, {"", &first_, 1}, {1})), ElementsAre("no_peers"));
  // One that names itself only may be one of many.
  EXPECT_THAT(Reasons(Read({{"1", &first_, 1}}, {"", &first_, 1}, {1})), ElementsAre("no_peers"));
  // Two processes with one number.
  EXPECT_THAT(Reasons(Read({{"1", &first_, 1}, {"2", &second_, 1}}, {"", &first_, 1}, {1})), ElementsAre("no_peers"));
}

TEST_F(AllClientsTest, AProcessThatIsAskedTwiceIsCountedOnce) {
  for (const std::int64_t peer_id : {0, 1}) {
    const AllClients all = Read({{"1", &first_, peer_id}, {"again", &first_, peer_id}}, {"", &first_, peer_id}, {1, 2});
    EXPECT_THAT(Users(all), ElementsAre("a"));
    ASSERT_FALSE(all.missing.empty());
    EXPECT_EQ(all.missing[0].reason, "listed_twice");
    EXPECT_EQ(all.missing[0].detail, "again");
  }
}

// Between two lists of one process a client may come, and another one may go.
TEST_F(AllClientsTest, TheListsOfOneProcessAreOne) {
  second_.Show({OwnOf("100"), {.user = "b", .id = "8"}});
  const AllClients all = Read({{"1", &first_, 1}, {"2", &second_, 1}}, {"", &first_, 1});
  EXPECT_THAT(Users(all), UnorderedElementsAre("a", "b"));
  EXPECT_EQ(all.snapshot->processes().size(), 1U);
}

// What looks alike may be two: their numbers decide.
TEST_F(AllClientsTest, ProcessesWithOtherNumbersAreOthers) {
  second_.Show({OwnOf("100"), {.user = "a"}});
  const AllClients all = Read({{"1", &first_, 1}, {"2", &second_, 2}}, {"", &first_, 1});
  EXPECT_THAT(Users(all), ElementsAre("a", "a"));
  EXPECT_THAT(all.missing, IsEmpty());
}

// The conninfo leads to any of the processes: each one keeps its number, by which its sessions are known.
TEST_F(AllClientsTest, AProcessIsTheSameWhicheverConsoleShowsIt) {
  FakeConsole own = first_;
  own.pid = 201;
  const auto numbers = Numbers(Read({{"1", &first_, 1}, {"2", &second_, 2}}, {"", &own, 1}));
  own = second_;
  own.pid = 202;
  EXPECT_EQ(Numbers(Read({{"1", &first_, 1}, {"2", &second_, 2}}, {"", &own, 2})), numbers);
  // Only the conninfo's console shows it now.
  const AllClients all = Read({{"1", &first_, 1}}, {"", &own, 2});
  EXPECT_EQ(Numbers(all), numbers);
  EXPECT_THAT(Users(all), ElementsAre("a", "b"));
}

TEST_F(AllClientsTest, ARestartedProcessIsAnotherOne) {
  const auto before = Numbers(Read({{"1", &first_, 1}, {"2", &second_, 2}}, {"", &first_, 1}));
  second_.pid = 302;  // the exporter has reconnected, and finds nobody
  second_.Show({OwnOf("201"), {.user = "c", .id = "9"}});
  const auto after = Numbers(Read({{"1", &first_, 1}, {"2", &second_, 2}}, {"", &first_, 1}));
  EXPECT_EQ(after.at(0), before.at(0));
  EXPECT_NE(after.at(1), before.at(1));
  EXPECT_EQ(std::set<std::int64_t>({before[0], before[1], after[1]}).size(), 3U);
}

TEST_F(AllClientsTest, WithoutAListTheConsoleIsOneOfSeveral) {
  const auto reasons = [&](bool so_reuseport) {
    Consoles consoles;
    consoles.reached.push_back(
        {.session = &first_, .deadline = Deadline::max(), .introduction = {so_reuseport, 1, {}}});
    asio::io_context loop;
    auto future =
        asio::co_spawn(loop, reader_.Read(std::move(consoles), false, own_, "tls_exporter"), asio::use_future);
    loop.run();
    return Reasons(future.get());
  };
  EXPECT_THAT(reasons(true), ElementsAre("so_reuseport"));
  EXPECT_THAT(reasons(false), IsEmpty());
}

TEST_F(AllClientsTest, TheDigestIsOfAllProcesses) {
  const auto digest = [&] {
    Digester digester;
    Read({{"1", &first_, 1}, {"2", &second_, 2}}, {"", &first_, 1}).snapshot->DigestRows(digester);
    return digester.Finish();
  };
  const Digest same = digest();
  EXPECT_EQ(digest(), same);
  second_.Show({OwnOf("200"), {.user = "b", .port = "40001", .tls = "TLSv1.3"}});
  EXPECT_NE(digest(), same);
}

}  // namespace
}  // namespace pgtls::pgbouncer
