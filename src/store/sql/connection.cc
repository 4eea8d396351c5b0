#include "store/sql/connection.h"

namespace strongroom::store {

Status CorruptRow(std::string_view what) {
  return Error(Reason::kStoreCorrupt, "a row of the store has a wrong " +
                                          std::string(what) +
                                          "; restore a backup of the store");
}

StatusOr<Uuid> Row::Id(int column) const {
  StatusOr<Uuid> id = Uuid::FromBytes(BlobView(column));
  if (!id.ok()) return CorruptRow("id");
  return id;
}

StatusOr<int64_t> Statement::Change() {
  for (;;) {
    SR_ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) return cursor_->changed();
  }
}

StatusOr<Statement> Connection::Prepare(std::string_view sql) {
  SR_ASSIGN_OR_RETURN(Cursor* const cursor, Find(sql));
  return Statement(*cursor);
}

StatusOr<int64_t> Connection::QueryInt(std::string_view sql) {
  SR_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  SR_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (row) return statement.row().Int(0);
  return Error(Reason::kStoreCorrupt, "the store has no row for " +
                                          std::string(sql) +
                                          "; restore a backup of the store");
}

}  // namespace strongroom::store
