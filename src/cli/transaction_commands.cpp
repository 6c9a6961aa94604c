#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "base/utf8.hpp"
#include "cli/commands.hpp"

namespace cli {

base::Result<Input, CommandError> Input::open(Context& context, const std::string& name) {
  Input input;
  if (name == "-") {
    input.stream_ = context.io.in;
    return input;
  }
  input.file_ = std::make_unique<std::ifstream>(name, std::ios::binary);
  if (!input.file_->is_open()) return base::fail(failed(fmt::format("cannot open {}", name)));
  input.stream_ = input.file_.get();
  return input;
}

// What std::cin reads by way of stdio it takes for the end where that fails.
bool Input::is_broken() const {
  return stream_->bad() || (stream_ == &std::cin && std::ferror(stdin) != 0);
}

namespace {

// {"operations":[…]}, or the operations alone.
base::Result<boost::json::object, CommandError> read_transaction(Context& context) {
  const std::string name = context.arguments.positional(0);
  auto input = Input::open(context, name);
  if (!input) return base::fail(input.error());
  std::ostringstream text;
  while (input->stream() && !text.fail()) {
    std::array<char, 4096> bytes;
    input->stream().read(bytes.data(), bytes.size());
    text.write(bytes.data(), input->stream().gcount());
  }
  if (input->is_broken()) return base::fail(failed(fmt::format("cannot read {}", name)));
  boost::system::error_code error;
  boost::json::value value =
      boost::json::parse(base::without_byte_order_mark(text.view()), error);
  if (error) return base::fail(failed(fmt::format("{} is not JSON: {}", name, error.message())));
  if (value.is_object()) return std::move(value.as_object());
  if (!value.is_array())
    return base::fail(failed(fmt::format("{} is neither an array of operations nor an object with "
                                         "\"operations\"",
                                         name)));
  boost::json::object body;
  body["operations"] = std::move(value);
  return body;
}

CommandResult apply_transaction(Context& context) {
  auto body = read_transaction(context);
  if (!body) return base::fail(body.error());
  if (context.arguments.has("dry-run")) (*body)["dry_run"] = true;
  const auto* flag = body->if_contains("dry_run");
  const bool dry_run = flag && flag->is_bool() && flag->as_bool();
  auto answer = context.client.post("/transactions", *body);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  boost::system::error_code error;
  const boost::json::value results = boost::json::parse(*answer, error);
  const std::size_t count = !error && results.is_array() ? results.as_array().size() : 0;
  if (context.format == OutputFormat::csv)
    context.io.out << "Operations,Applied\r\n" << count << ',' << (dry_run ? 0 : count) << "\r\n";
  else
    context.io.out << (dry_run ? "Transaction would succeed: " : "Transaction applied: ") << count
                   << (count == 1 ? " operation\n" : " operations\n");
  return base::Ok{};
}

}  // namespace

std::vector<Command> transaction_commands() {
  return {
      {{"transaction apply",
        "Do several changes, all of them or none.",
        {{"FILE", "a JSON array of operations; - is standard input"}},
        {{"dry-run", 0, "", "say whether it would succeed, and change nothing"}},
        {"echo '[{\"op\":\"network.create\",\"cidr\":\"10.1.0.0/24\"},"
         "{\"op\":\"allocation.create\",\"network_id\":\"$0.id\"}]' | ipam transaction apply -",
         "ipam transaction apply changes.json --dry-run"}},
       nullptr,
       apply_transaction},
  };
}

}  // namespace cli
