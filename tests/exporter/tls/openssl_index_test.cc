#include "exporter/tls/openssl_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgtls::tls {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

std::chrono::sys_seconds Day(int year, unsigned month, unsigned day) {
  return sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day));
}

TEST(OpensslIndex, ALineOfEachKind) {
  const auto valid = ParseIndexLine("V\t270131120000Z\t\t01F0\tunknown\t/C=DE/O=Example, Inc/CN=bob");
  ASSERT_TRUE(valid);
  EXPECT_FALSE(valid->revoked);
  EXPECT_EQ(valid->not_after, Day(2027, 1, 31) + std::chrono::hours(12));
  EXPECT_EQ(valid->serial, "1F0");
  EXPECT_EQ(valid->subject, "/C=DE/O=Example, Inc/CN=bob");
  const auto revoked = ParseIndexLine("R\t20510101000000Z\t260101000000Z,keyCompromise\t0a\tbob.pem\t/CN=bob");
  ASSERT_TRUE(revoked);
  EXPECT_TRUE(revoked->revoked);
  EXPECT_EQ(revoked->not_after, Day(2051, 1, 1));
  EXPECT_EQ(revoked->serial, "A");
  EXPECT_TRUE(ParseIndexLine("E\t250101000000Z\t\t02\tunknown\t/CN=gone"));
}

TEST(OpensslIndex, EscapesAreUndone) {
  EXPECT_EQ(ParseIndexLine("V\t270131120000Z\t\t01\tunknown\t/CN=J\\xC3\\xBCrgen")->subject, "/CN=Jürgen");
  EXPECT_EQ(ParseIndexLine("V\t270131120000Z\t\t01\tunknown\t/CN=a\\\tb")->subject, "/CN=a\tb");
  EXPECT_EQ(ParseIndexLine("V\t270131120000Z\t\t01\tunknown\t/CN=a\\x4")->subject, "/CN=a\\x4");
}

TEST(OpensslIndex, ACutOrForeignLineIsNone) {
  for (const char* line : {"", "V", "V\t270131120000Z\t\t01", "V\t270131120000Z\t\t01\tunknown",
                           "V\t270131120000Z\t\t01\tunknown\t", "V\t270131120000Z\t\t01\tunknown\t/CN=a\tmore",
                           "X\t270131120000Z\t\t01\tunknown\t/CN=a", "V\t270131120000Z\t\tzz\tunknown\t/CN=a",
                           "V\t270131120000Z\t\t\tunknown\t/CN=a", "-----BEGIN CERTIFICATE-----"}) {
    EXPECT_FALSE(ParseIndexLine(line)) << line;
  }
}

TEST(OpensslIndex, AnEndThatCannotBeReadIsAbsent) {
  for (const char* end : {"", "2701", "270131120000", "270231120000Z", "tomorrow"}) {
    const auto entry = ParseIndexLine("V\t" + std::string(end) + "\t\t01\tunknown\t/CN=a");
    ASSERT_TRUE(entry) << end;
    EXPECT_EQ(entry->not_after, std::nullopt) << end;
  }
}

TEST(OpensslIndex, SerialsAreComparedAsNumbers) {
  EXPECT_EQ(NormalSerial("00ab"), "AB");
  EXPECT_EQ(NormalSerial("0"), "0");
  EXPECT_EQ(NormalSerialOfDecimal("171"), "AB");
  EXPECT_EQ(NormalSerialOfDecimal("0"), "0");
  // More than 64 bits, as public authorities have them.
  EXPECT_EQ(NormalSerialOfDecimal("85070591730234615865843651857942052864"), "40000000000000000000000000000000");
  for (const char* none : {"", "-1", "1a", "1.5", " 1"}) EXPECT_EQ(NormalSerialOfDecimal(none), "") << none;
  for (const char* none : {"", "-1", "0x1", "g"}) EXPECT_EQ(NormalSerial(none), "") << none;
}

}  // namespace
}  // namespace pgtls::tls
