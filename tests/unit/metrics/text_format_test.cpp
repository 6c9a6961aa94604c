// Prometheus' text format 0.0.4, line by line.
#include "metrics/text_format.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace {

using metrics::TextWriter;
using metrics::Type;

TEST_CASE("a family begins with its help and type, and label values are escaped") {
  std::string out;
  TextWriter page(out);
  page.single("ipam_networks", Type::gauge, "Networks", std::uint64_t{18446744073709551615u});
  page.family("x_total", Type::counter, "What a name may hold");
  page.sample(0.25, {{"a", "q\"b\\c\nd"}, {"e", ""}});
  page.sample(std::numeric_limits<double>::infinity());
  CHECK(out ==
        "# HELP ipam_networks Networks\n# TYPE ipam_networks gauge\n"
        "ipam_networks 18446744073709551615\n"
        "# HELP x_total What a name may hold\n# TYPE x_total counter\n"
        "x_total{a=\"q\\\"b\\\\c\\nd\",e=\"\"} 0.25\n"
        "x_total +Inf\n");
}

TEST_CASE("the buckets of a histogram count all values up to their bound") {
  metrics::Histogram histogram;
  histogram.observe(0.0001);  // a bound belongs to its bucket
  histogram.observe(0.00011);
  histogram.observe(7);
  histogram.observe(11);
  std::string out;
  TextWriter(out).single("d", Type::histogram, "h", histogram);
  CHECK(out.find("d_bucket{le=\"0.0001\"} 1\nd_bucket{le=\"0.00025\"} 2\n") != std::string::npos);
  CHECK(out.find("d_bucket{le=\"5\"} 2\nd_bucket{le=\"10\"} 3\nd_bucket{le=\"+Inf\"} 4\n") !=
        std::string::npos);
  CHECK(out.ends_with("d_sum 18.00021\nd_count 4\n"));
  std::string labelled;
  TextWriter page(labelled);
  page.family("d", Type::histogram, "h");
  page.sample(histogram, {{"route", "/x"}});
  CHECK(labelled.find("d_bucket{route=\"/x\",le=\"10\"} 3\n") != std::string::npos);
  CHECK(labelled.find("d_count{route=\"/x\"} 4\n") != std::string::npos);
}

}  // namespace
