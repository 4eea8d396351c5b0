#include "hsm/pkcs11/classify.h"

#include "hsm/pkcs11/cryptoki.h"

namespace strongroom::hsm {

Cause Classify(Operation operation, unsigned long value,
               const Profile& profile) {
  switch (value) {
    case CKR_OK:
      return Cause::kOk;

    case CKR_USER_ALREADY_LOGGED_IN:
      return operation == Operation::kLogin ? Cause::kOk : Cause::kUnexpected;

    // Only opening can meet data that is not ours to vouch for.
    case CKR_ENCRYPTED_DATA_INVALID:
    case CKR_ENCRYPTED_DATA_LEN_RANGE:
    case kCkrAeadDecryptFailed:
      return operation == Operation::kOpen ? Cause::kNotAuthentic
                                           : Cause::kUnexpected;
    case CKR_GENERAL_ERROR:
      return operation == Operation::kOpen &&
                     profile.general_error_may_mean_data
                 ? Cause::kDataOrDevice
                 : Cause::kUnexpected;

    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_OPERATION_ACTIVE:
      return Cause::kSessionLost;

    case CKR_USER_NOT_LOGGED_IN:
      return Cause::kNotLoggedIn;

    case CKR_KEY_HANDLE_INVALID:
    case CKR_OBJECT_HANDLE_INVALID:
      return Cause::kHandleInvalid;

    case CKR_SESSION_COUNT:
    case CKR_DEVICE_MEMORY:
    case CKR_HOST_MEMORY:
      return Cause::kBusy;

    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
      return Cause::kDeviceLost;

    case CKR_PIN_INCORRECT:
    case CKR_PIN_LOCKED:
    case CKR_PIN_EXPIRED:
      return Cause::kLoginRefused;
    // These blame the PIN only where a PIN was given.
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_USER_PIN_NOT_INITIALIZED:
      return operation == Operation::kLogin ? Cause::kLoginRefused
                                            : Cause::kUnexpected;

    case CKR_MECHANISM_INVALID:
    case CKR_KEY_FUNCTION_NOT_PERMITTED:
    case CKR_TEMPLATE_INCOMPLETE:
    case CKR_TEMPLATE_INCONSISTENT:
      return Cause::kCapability;

    default:
      return Cause::kUnexpected;
  }
}

}  // namespace strongroom::hsm
