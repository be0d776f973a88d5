-- AlterEnum
ALTER TYPE "PaymentMethod" ADD VALUE 'TOSS_PAY';

-- AlterTable
ALTER TABLE "Payment" ADD COLUMN     "receipt_url" TEXT;

-- DropIndex
DROP INDEX "Payment_userId_idx";
