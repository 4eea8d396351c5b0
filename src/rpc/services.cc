#include "rpc/services.h"

#include "rpc/admin_methods.h"
#include "rpc/job_methods.h"
#include "strongroom/v1/key_admin.grpc.pb.h"
#include "strongroom/v1/key_service.grpc.pb.h"

// The generated classes keep a synchronous method of the same name, which the
// raw form disables: hiding it is what is meant.
#pragma GCC diagnostic ignored "-Woverloaded-virtual"

namespace strongroom::rpc {
namespace {

using service::Operation;

#define SR_SERVE(how, rpc, Response)                                          \
  grpc::ServerUnaryReactor* rpc(grpc::CallbackServerContext* context,         \
                                const grpc::ByteBuffer* bytes,                \
                                grpc::ByteBuffer* out) override {             \
    return how<v1::rpc##Request, Response>(edge_, Operation::k##rpc, context, \
                                           bytes, out);                       \
  }

namespace data {

using S = v1::KeyService;
using Unary = S::WithRawCallbackMethod_Encrypt<S::WithRawCallbackMethod_Decrypt<
    S::WithRawCallbackMethod_Wrap<S::WithRawCallbackMethod_Unwrap<
        S::WithRawCallbackMethod_GenerateDataKey<
            S::WithRawCallbackMethod_Rewrap<S::Service>>>>>>;
using All =
    S::WithRawCallbackMethod_BatchEncrypt<S::WithRawCallbackMethod_BatchDecrypt<
        S::WithRawCallbackMethod_BatchWrap<S::WithRawCallbackMethod_BatchUnwrap<
            S::WithRawCallbackMethod_BatchGenerateDataKeys<
                S::WithRawCallbackMethod_BatchRewrap<Unary>>>>>>;

}  // namespace data

class DataPlane final : public data::All {
 public:
  explicit DataPlane(Edge& edge) : edge_(edge) {}

  SR_SERVE(ServeData, Encrypt, v1::EncryptResponse)
  SR_SERVE(ServeData, Decrypt, v1::DecryptResponse)
  SR_SERVE(ServeData, Wrap, v1::WrapResponse)
  SR_SERVE(ServeData, Unwrap, v1::UnwrapResponse)
  SR_SERVE(ServeData, GenerateDataKey, v1::GenerateDataKeyResponse)
  SR_SERVE(ServeData, Rewrap, v1::RewrapResponse)
  SR_SERVE(ServeData, BatchEncrypt, v1::BatchEncryptResponse)
  SR_SERVE(ServeData, BatchDecrypt, v1::BatchDecryptResponse)
  SR_SERVE(ServeData, BatchWrap, v1::BatchWrapResponse)
  SR_SERVE(ServeData, BatchUnwrap, v1::BatchUnwrapResponse)
  SR_SERVE(ServeData, BatchGenerateDataKeys, v1::BatchGenerateDataKeysResponse)
  SR_SERVE(ServeData, BatchRewrap, v1::BatchRewrapResponse)

 private:
  Edge& edge_;
};

namespace admin {

using A = v1::KeyAdmin;
using Keys = A::WithRawCallbackMethod_CreateKey<A::WithRawCallbackMethod_GetKey<
    A::WithRawCallbackMethod_ListKeys<A::WithRawCallbackMethod_UpdateKey<
        A::WithRawCallbackMethod_RotateKey<A::Service>>>>>;
using Versions = A::WithRawCallbackMethod_EnableVersion<
    A::WithRawCallbackMethod_DisableVersion<
        A::WithRawCallbackMethod_ScheduleDestroyVersion<
            A::WithRawCallbackMethod_CancelDestroyVersion<Keys>>>>;
using Deks = A::WithRawCallbackMethod_ListDeks<
    A::WithRawCallbackMethod_GetDek<A::WithRawCallbackMethod_DeleteDek<
        A::WithRawCallbackMethod_ShredDek<Versions>>>>;
using Jobs = A::WithRawCallbackMethod_StartRewrap<
    A::WithRawCallbackMethod_GetJob<A::WithRawCallbackMethod_ListJobs<
        A::WithRawCallbackMethod_GetJobReport<A::WithRawCallbackMethod_PauseJob<
            A::WithRawCallbackMethod_ResumeJob<
                A::WithRawCallbackMethod_CancelJob<
                    A::WithRawCallbackMethod_GetCensus<
                        A::WithRawCallbackMethod_ReportDependence<Deks>>>>>>>>>;
using All = A::WithRawCallbackMethod_ListTokenObjects<
    A::WithRawCallbackMethod_GetSigningKey<A::WithRawCallbackMethod_GetStatus<
        A::WithRawCallbackMethod_WhoAmI<Jobs>>>>;

}  // namespace admin

class AdminPlane final : public admin::All {
 public:
  explicit AdminPlane(Edge& edge) : edge_(edge) {}

  SR_SERVE(ServeBlocking, CreateKey, v1::Key)
  SR_SERVE(ServeBlocking, GetKey, v1::Key)
  SR_SERVE(ServeBlocking, ListKeys, v1::ListKeysResponse)
  SR_SERVE(ServeBlocking, UpdateKey, v1::Key)
  SR_SERVE(ServeBlocking, RotateKey, v1::Key)
  SR_SERVE(ServeBlocking, EnableVersion, v1::KeyVersion)
  SR_SERVE(ServeBlocking, DisableVersion, v1::KeyVersion)
  SR_SERVE(ServeBlocking, ScheduleDestroyVersion, v1::KeyVersion)
  SR_SERVE(ServeBlocking, CancelDestroyVersion, v1::KeyVersion)
  SR_SERVE(ServeBlocking, ListDeks, v1::ListDeksResponse)
  SR_SERVE(ServeBlocking, GetDek, v1::Dek)
  SR_SERVE(ServeBlocking, DeleteDek, v1::DeleteDekResponse)
  SR_SERVE(ServeBlocking, ShredDek, v1::ShredDekResponse)
  SR_SERVE(ServeBlocking, StartRewrap, v1::Job)
  SR_SERVE(ServeBlocking, GetJob, v1::Job)
  SR_SERVE(ServeBlocking, ListJobs, v1::ListJobsResponse)
  SR_SERVE(ServeBlocking, GetJobReport, v1::JobReport)
  SR_SERVE(ServeBlocking, PauseJob, v1::Job)
  SR_SERVE(ServeBlocking, ResumeJob, v1::Job)
  SR_SERVE(ServeBlocking, CancelJob, v1::Job)
  SR_SERVE(ServeBlocking, GetCensus, v1::Census)
  SR_SERVE(ServeBlocking, ReportDependence, v1::ReportDependenceResponse)
  SR_SERVE(ServeBlocking, ListTokenObjects, v1::ListTokenObjectsResponse)
  SR_SERVE(ServeBlocking, GetSigningKey, v1::SigningKey)
  SR_SERVE(ServeBlocking, GetStatus, v1::GetStatusResponse)
  SR_SERVE(ServeBlocking, WhoAmI, v1::WhoAmIResponse)

 private:
  Edge& edge_;
};

#undef SR_SERVE

}  // namespace

std::vector<std::unique_ptr<grpc::Service>> MakeServices(Edge& edge) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(std::make_unique<DataPlane>(edge));
  services.push_back(std::make_unique<AdminPlane>(edge));
  return services;
}

}  // namespace strongroom::rpc
