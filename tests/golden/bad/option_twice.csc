limit global 3 because "slow" because "tired"
