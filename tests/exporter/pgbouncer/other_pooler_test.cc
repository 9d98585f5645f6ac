#include "exporter/pgbouncer/other_pooler.h"

#include <gtest/gtest.h>

namespace pgtls::pgbouncer {
namespace {

TEST(OtherPooler, IsRecognizedByItsVersion) {
  const sampling::Driver& driver = OtherPoolerDriver();
  // Odyssey's console, PgCat's, and those that report a name.
  for (const char* version : {"1.5.2", "1.2.0", "0.1.4", "PgDog 0.1.3", "16.0 (PgDog)", "PgCat 1.2.0", "odyssey 1.5"}) {
    EXPECT_TRUE(driver.Recognizes(version)) << version;
  }
  for (const char* version : {"15.3", "15.20 (Debian 15.20-1.pgdg120+1)", "8.4.22", "9.6.24", "10.1", "19rc1", "1", "",
                              "x", "18.1 (Ubuntu 18.1-1.pgdg24.04+1)", "14.3-YB-2.25"}) {
    EXPECT_FALSE(driver.Recognizes(version)) << version;
  }
}

TEST(OtherPooler, ItsVersionIsData) {
  EXPECT_EQ(OtherPoolerDriver().Product("1.5.2"), "pooler 1.5.2");
  EXPECT_EQ(OtherPoolerDriver().Product(std::string("pgcat\n") + std::string(100, 'x')).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace pgtls::pgbouncer
