#include "exporter/db/data_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/db/target.h"

namespace pgtls::db {
namespace {

using testing::ElementsAre;

TEST(DataSourceTest, AListOfUris) {
  EXPECT_THAT(SplitDataSources("postgresql://a@h/postgres,postgresql://b:s@h/other"),
              ElementsAre("postgresql://a@h/postgres", "postgresql://b:s@h/other"));
  EXPECT_THAT(SplitDataSources(" postgres://h1 , postgresql://h2:1/x?sslmode=require ,\n\tpostgres://h3 "),
              ElementsAre("postgres://h1", "postgresql://h2:1/x?sslmode=require", "postgres://h3"));
  EXPECT_THAT(SplitDataSources("postgresql://,postgresql://h2"), ElementsAre("postgresql://", "postgresql://h2"));
}

TEST(DataSourceTest, AListOfKeywordsAndValues) {
  EXPECT_THAT(SplitDataSources("host=h1 user=u password=p,host=h2 user=u"),
              ElementsAre("host=h1 user=u password=p", "host=h2 user=u"));
  EXPECT_THAT(SplitDataSources("user=u password='p,host=x' , user = v host=h2"),
              ElementsAre("user=u password='p,host=x'", "user = v host=h2"));
  EXPECT_THAT(SplitDataSources("host='h1','',host=h2"), ElementsAre("host='h1',''", "host=h2"));
  EXPECT_THAT(SplitDataSources("host=h1 password=it's,host=h2 password=it's"),
              ElementsAre("host=h1 password=it's", "host=h2 password=it's"));
}

TEST(DataSourceTest, BothFormsInOneList) {
  EXPECT_THAT(SplitDataSources("postgresql://h1/postgres,host=h2 dbname=x,postgres://h3"),
              ElementsAre("postgresql://h1/postgres", "host=h2 dbname=x", "postgres://h3"));
}

TEST(DataSourceTest, EmptyEntriesAreLeftOut) {
  EXPECT_THAT(SplitDataSources("postgresql://h1,,postgresql://h2"), ElementsAre("postgresql://h1", "postgresql://h2"));
  EXPECT_THAT(SplitDataSources(",host=h1"), ElementsAre("host=h1"));
  EXPECT_THAT(SplitDataSources(""), ElementsAre(""));
}

// A comma that libpq reads as part of one conninfo stays.
TEST(DataSourceTest, OtherCommasAreLibpqs) {
  for (const char* one : {
           "postgresql://u:p,w@h1:1,h2:2/db?target_session_attrs=any",
           "postgresql:///db?host=h1,h2&port=1,2",
           "postgresql://h1,h2",
           "host=h1,h2 port=5432,5433 dbname=x",
           "host=h1,h2 hostaddr=10.0.0.1,10.0.0.2",
           "host=h password=a,b",
           "host=h password='a,host=b,postgresql://c'",
           R"(host=h password='a\',host=b')",
           R"(host=h password='a\\,host=b' user=u)",
           R"(host=h password=a\,host=b)",
           "host=h options='-c search_path=a,b'",
           "host=h options=-csearch_path=a,b",
           "host=h password=a,nosuchkeyword=b",
           "host=h application_name=a,b user=u",
           "host=h password = 'a, user=b'",
           "host=h dbname=x,",
       }) {
    EXPECT_THAT(SplitDataSources(one), ElementsAre(one));
  }
}

}  // namespace
}  // namespace pgtls::db
