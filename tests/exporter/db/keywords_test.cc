#include "exporter/db/keywords.h"

#include <gtest/gtest.h>

namespace pgtls::db {
namespace {

TEST(Overlay, TheOptionsOfTheSecondTakePrecedence) {
  const std::string conninfo = Overlay("host=a port=1 user=u dbname=d", "port=2 host=/run/b");
  EXPECT_EQ(OwnValue(conninfo, "host"), "/run/b");
  EXPECT_EQ(OwnValue(conninfo, "port"), "2");
  EXPECT_EQ(OwnValue(conninfo, "user"), "u");
  EXPECT_EQ(OwnValue(conninfo, "dbname"), "d");
}

TEST(Overlay, AHostLeadsThere) {
  const std::string conninfo = Overlay("host=a hostaddr=192.0.2.1", "host=/run/b");
  EXPECT_EQ(OwnValue(conninfo, "hostaddr"), "");
  EXPECT_TRUE(Keywords(conninfo).contains("hostaddr")) << "nor is it looked up elsewhere";
  EXPECT_FALSE(Keywords(Overlay("host=a hostaddr=192.0.2.1", "port=2")).empty());
  EXPECT_EQ(OwnValue(Overlay("host=a hostaddr=192.0.2.1", "port=2"), "hostaddr"), "192.0.2.1");
  // The certificate is still checked against the name.
  const std::string address = Overlay("host=a", "hostaddr=192.0.2.2");
  EXPECT_EQ(OwnValue(address, "host"), "a");
  EXPECT_EQ(OwnValue(address, "hostaddr"), "192.0.2.2");
  EXPECT_EQ(OwnValue(Overlay("host=a", "hostaddr=192.0.2.2 host=b"), "hostaddr"), "192.0.2.2");
}

TEST(Overlay, TakesBothFormsAndEveryValue) {
  const std::string conninfo = Overlay("postgresql://u:p%27%5C%20x@a:1/d?sslmode=require", "port=2");
  EXPECT_EQ(OwnValue(conninfo, "password"), "p'\\ x");
  EXPECT_EQ(OwnValue(conninfo, "host"), "a");
  EXPECT_EQ(OwnValue(conninfo, "port"), "2");
  EXPECT_EQ(OwnValue(conninfo, "sslmode"), "require");
  EXPECT_EQ(OwnValue(Overlay("", "host=b"), "host"), "b");
  // Set to nothing is not the same as not set.
  EXPECT_TRUE(Keywords(Overlay("sslrootcert='' user=u", "host=b")).contains("sslrootcert"));
}

}  // namespace
}  // namespace pgtls::db
