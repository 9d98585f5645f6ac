#include "exporter/http/gzip.h"

#include <gtest/gtest.h>

#include "tests/support/http_client.h"

namespace pgtls::http {
namespace {

TEST(PrefersGzip, ReadsWeights) {
  EXPECT_TRUE(PrefersGzip("gzip"));
  EXPECT_TRUE(PrefersGzip("deflate, GZIP;q=0.1"));
  EXPECT_TRUE(PrefersGzip("x-gzip"));
  EXPECT_TRUE(PrefersGzip("*"));
  EXPECT_TRUE(PrefersGzip("identity;q=0.5, gzip;q=0.5"));
  EXPECT_TRUE(PrefersGzip("identity;q=0.1, *;q=0.2"));
  EXPECT_FALSE(PrefersGzip(""));
  EXPECT_FALSE(PrefersGzip("deflate, br"));
  EXPECT_FALSE(PrefersGzip("gzip;q=0"));
  EXPECT_FALSE(PrefersGzip("gzip;q=0.000, *"));
  EXPECT_FALSE(PrefersGzip("identity, gzip;q=0.5"));
  EXPECT_FALSE(PrefersGzip("gzip;q=nan"));
  EXPECT_FALSE(PrefersGzip("gzip;q=2"));
  EXPECT_FALSE(PrefersGzip("gzip;q="));
}

TEST(GzipStream, GivesBackWhatWentIn) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "pg_tls_up{server=\"s" + std::to_string(i * 7919) + "\"} 1\n";
  GzipStream gzip;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += 1000) gzip.Append(std::string_view(text).substr(at, 1000), out);
  gzip.Finish(out);
  EXPECT_LT(out.size(), text.size() / 3);
  EXPECT_EQ(support::Gunzip(out), text);
}

}  // namespace
}  // namespace pgtls::http
