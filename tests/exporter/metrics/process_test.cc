#include "exporter/metrics/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <sstream>

namespace pgtls::metrics {
namespace {

std::map<std::string, double> Values() {
  Sink sink("");
  AddProcess(sink);
  std::map<std::string, double> values;
  std::istringstream lines{std::string(sink.Render()->text())};
  for (std::string name, value; lines >> name >> value;) values[name] = std::stod(value);
  return values;
}

TEST(ProcessTest, HasAllItsMetrics) {
  const auto samples = Values();
  EXPECT_EQ(samples.size(), ProcessDescs().size());
  for (const Desc* desc : ProcessDescs()) EXPECT_TRUE(samples.contains(std::string(desc->name))) << desc->name;
}

int OpenDescriptors() {
  int open = 0;
  for (int fd = 0; fd < 4'096; ++fd) {
    if (fcntl(fd, F_GETFD) != -1) ++open;
  }
  return open;
}

TEST(ProcessTest, CountsDescriptorsExactly) {
  const double before = Values().at("process_open_fds");
  EXPECT_EQ(before, OpenDescriptors());
  const int one = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int two = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(Values().at("process_open_fds"), before + 2);
  close(one);
  close(two);
  EXPECT_EQ(Values().at("process_open_fds"), before);
}

TEST(ProcessTest, StartTimeIsThatOfTheProcess) {
  const double now = Seconds(std::chrono::system_clock::now().time_since_epoch());
  const double start = Values().at("process_start_time_seconds");
  EXPECT_LE(start, now);
  EXPECT_GT(start, now - 3'600);
  EXPECT_EQ(Values().at("process_start_time_seconds"), start);
}

TEST(ProcessTest, CpuGrowsWithWork) {
  const double before = Values().at("process_cpu_seconds_total");
  const auto more = [&] { return Values().at("process_cpu_seconds_total") > before; };
  while (!more()) {
  }
  EXPECT_GT(Values().at("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(Values().at("process_virtual_memory_bytes"), Values().at("process_resident_memory_bytes"));
}

}  // namespace
}  // namespace pgtls::metrics
