#include "exporter/routes/discovery.h"

#include <gtest/gtest.h>

namespace pgtls::routes {
namespace {

http::Response Get(const std::vector<std::string>& servers, http::Headers headers) {
  http::Request request;
  request.method = "GET";
  request.path = "/sd";
  request.headers = std::move(headers);
  return DiscoveryHandler([servers] { return servers; }, "/metrics")(request);
}

TEST(DiscoveryTest, OneTargetAServer) {
  const http::Response response = Get({"orders", "say \"hi\"\n\\"}, {{"Host", "exporter:9743"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(
      response.body.Text(),
      "[{\"targets\":[\"exporter:9743\"],\"labels\":{\"__metrics_path__\":\"/metrics\",\"__param_server\":\"orders\","
      "\"__meta_pg_tls_server\":\"orders\",\"instance\":\"exporter:9743/orders\"}},\n"
      "{\"targets\":[\"exporter:9743\"],\"labels\":{\"__metrics_path__\":\"/metrics\",\"__param_server\":\"say "
      "\\\"hi\\\"\\n\\\\\",\"__meta_pg_tls_server\":\"say \\\"hi\\\"\\n\\\\\","
      "\"instance\":\"exporter:9743/say \\\"hi\\\"\\n\\\\\"}}]\n");
}

TEST(DiscoveryTest, NoServersIsAnEmptyList) { EXPECT_EQ(Get({}, {{"Host", "[::1]:9743"}}).body.Text(), "[]\n"); }

// Prometheus would be sent to whatever stands there.
TEST(DiscoveryTest, RefusesAHostThatIsNone) {
  EXPECT_EQ(Get({"a"}, {}).status, 400);
  EXPECT_EQ(Get({"a"}, {{"Host", ""}}).status, 400);
  EXPECT_EQ(Get({"a"}, {{"Host", "evil/path"}}).status, 400);
  EXPECT_EQ(Get({"a"}, {{"Host", "user@evil"}}).status, 400);
}

}  // namespace
}  // namespace pgtls::routes
