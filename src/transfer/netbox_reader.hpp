// What NetBox gives: Django fixtures (`manage.py dumpdata ipam tenancy extras`), where records
// refer to one another by number, or answers of its REST API, where they carry one another. Pure.
#pragma once

#include <vector>

#include "transfer/document_reader.hpp"

namespace transfer {

class NetboxReader final : public DocumentReader {
 public:
  using DocumentReader::DocumentReader;

  std::vector<Ignored> ignored() const override { return ignored_; }

 protected:
  std::optional<ReadError> document(std::string_view text, std::vector<Row>& rows) override;

 private:
  std::vector<Ignored> ignored_;
};

}  // namespace transfer
