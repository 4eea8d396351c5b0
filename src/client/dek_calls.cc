#include "client/convert.h"
#include "client/grpc_client.h"

namespace strongroom::client {
namespace {

using AdminStub = v1::KeyAdmin::StubInterface;

template <typename Request>
Request About(std::string_view key, std::string_view dek_id) {
  Request request;
  request.set_name(std::string(key));
  request.set_dek_id(std::string(dek_id));
  return request;
}

}  // namespace

Status GrpcClient::ListDeks(std::string_view key, uint32_t version,
                            const Labels& labels,
                            const std::function<Status(const Dek&)>& each) {
  v1::ListDeksRequest request;
  request.set_name(std::string(key));
  request.set_key_version(version);
  request.mutable_labels()->insert(labels.begin(), labels.end());
  while (true) {
    v1::ListDeksResponse response;
    SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::ListDeks, request, &response));
    for (const v1::Dek& dek : response.deks()) {
      SR_RETURN_IF_ERROR(each(FromWire(dek)));
    }
    if (response.next_page_token().empty()) return OkStatus();
    if (response.next_page_token() == request.page_token()) {
      return Error(Reason::kInternal,
                   "the service gives the same page of DEKs for ever");
    }
    request.set_page_token(response.next_page_token());
  }
}

StatusOr<Dek> GrpcClient::GetDek(std::string_view key,
                                 std::string_view dek_id) {
  v1::Dek response;
  SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::GetDek,
                          About<v1::GetDekRequest>(key, dek_id), &response));
  return FromWire(response);
}

Status GrpcClient::DeleteDek(std::string_view key, std::string_view dek_id) {
  v1::DeleteDekResponse response;
  return Call(*admin_, &AdminStub::DeleteDek,
              About<v1::DeleteDekRequest>(key, dek_id), &response);
}

Status GrpcClient::ShredDek(std::string_view key, std::string_view dek_id) {
  v1::ShredDekResponse response;
  return Call(*admin_, &AdminStub::ShredDek,
              About<v1::ShredDekRequest>(key, dek_id), &response);
}

}  // namespace strongroom::client
