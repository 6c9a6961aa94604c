#include <doctest/doctest.h>

#include "cli/output.hpp"

using cli::Column;
using cli::field;
using cli::Shown;

namespace {

boost::json::array rows(std::string_view text) { return boost::json::parse(text).as_array(); }

}  // namespace

TEST_CASE("a table aligns its columns") {
  const std::vector<Column> columns = {{"ID", field("id")},
                                       {"Count", field("n"), Shown::always, false, true},
                                       {"Text", field("t")}};
  const boost::json::array two = rows(R"([{"id":"net-1","n":5,"t":"é"},{"id":"n","n":1234567}])");
  CHECK(render_table(columns, two, 80) ==
        "ID       Count  Text\n"
        "net-1        5  é\n"
        "n      1234567\n");
  CHECK(render_table(columns, {}, 80) == "ID  Count  Text\n");
}

TEST_CASE("shrinking columns give way until the table fits") {
  const std::vector<Column> columns = {{"ID", field("id")},
                                       {"A", field("a"), Shown::always, true},
                                       {"B", field("b"), Shown::always, true}};
  const std::string wide = R"([{"id":"12345","a":")" + std::string(50, 'x') + R"(","b":")" +
                           std::string(40, 'y') + R"("}])";
  const std::string fitted = render_table(columns, rows(wide), 60);
  const std::string line = fitted.substr(fitted.find('\n') + 1);
  CHECK(line == "12345  " + std::string(24, 'x') + "…  " + std::string(25, 'y') + "…\n");
  SUBCASE("width 0 is no limit") {
    CHECK(render_table(columns, rows(wide), 0).find(std::string(50, 'x')) != std::string::npos);
  }
  SUBCASE("cells keep what a reader needs even where the table then does not fit") {
    CHECK(render_table(columns, rows(wide), 10).find("12345  xxxxxxx…  yyyyyyy…\n") !=
          std::string::npos);
  }
  SUBCASE("a cut falls between characters") {
    const std::string accents = R"([{"id":"1","a":"éééééééééééé","b":""}])";
    CHECK(render_table(columns, rows(accents), 12).find("1   ééééééé…\n") != std::string::npos);
  }
}

TEST_CASE("a column that may be hidden is shown once a row has it") {
  const std::vector<Column> columns = {
      {"A", field("a")}, {"B", field("b"), Shown::always, false, false, true}};
  CHECK(render_table(columns, rows(R"([{"a":1},{"a":2,"b":""}])"), 80) == "A\n1\n2\n");
  CHECK(render_table(columns, rows(R"([{"a":1},{"a":2,"b":3}])"), 80) == "A  B\n1\n2  3\n");
  CHECK(render_csv(columns, rows(R"([{"a":1}])")) == "A,B\r\n1,\r\n");
}

TEST_CASE("csv quotes as RFC 4180 says and knows columns that tables leave out") {
  const std::vector<Column> columns = {{"ID", field("id")},
                                       {"Only table", field("id"), Shown::table_only},
                                       {"Text, long", field("t"), Shown::csv_only, true},
                                       {"Tags", field("tags")}};
  CHECK(render_csv(columns, rows(R"([{"id":1,"t":"say \"hi\"","tags":["a","b"]},
                                     {"id":2,"t":"two\nlines"},{"id":3,"t":null,"tags":[]}])")) ==
        "ID,\"Text, long\",Tags\r\n"
        "1,\"say \"\"hi\"\"\",\"a,b\"\r\n"
        "2,\"two\nlines\",\r\n"
        "3,,\r\n");
}

TEST_CASE("control characters do not reach the terminal") {
  const std::vector<Column> columns = {{"T", field("t")}};
  CHECK(render_table(columns, rows(R"([{"t":"a\u001b[31mb\u0007\u009bc\u007f\n"}])"), 80) ==
        "T\na?[31mb??c??\n");
}

TEST_CASE("fields are shown as users read them") {
  const boost::json::object object =
      boost::json::parse(R"({"s":"x","n":null,"i":-5,"d":17.7,"b":true,"l":[1,"b"]})").as_object();
  CHECK(cli::text_of(object, "s") == "x");
  CHECK(cli::text_of(object, "n") == "");
  CHECK(cli::text_of(object, "missing") == "");
  CHECK(cli::text_of(object, "i") == "-5");
  CHECK(cli::text_of(object, "d") == "17.7");
  CHECK(cli::text_of(object, "b") == "true");
  CHECK(cli::text_of(object, "l") == "1,b");
}
